"""Names in one piece, and letters that only look alike."""

from __future__ import annotations

import pytest

from fhir_remission.domain.nouns.spelling import seen, spellings
from fhir_remission.effects.files.mapping_files import load_mappings

HINTS = load_mappings().codes.hints


@pytest.mark.parametrize(
    ("name", "apart"),
    [
        ("BLASTS_PCT", "blasts pct"),
        ("BoneMarrowBlasts", "bone marrow blasts"),
        ("AMLRelapse", "aml relapse"),
        ("%Blasts_BM", "%blasts bm"),
        ("CHEMO2", "chemo 2"),
        ("G_CSF", "g-csf"),
        ("HiDAC_C1", "hidac c1"),
        ("myélogrammeÉchec", "myélogramme échec"),
        # These are words.
        ("NPM1", "npm1"),
        ("RUNX1::RUNX1T1", "runx1::runx1t1"),
        ("DNMT3A", "dnmt3a"),
        ("CPX-351", "cpx-351"),
    ],
)
def test_words_in_one_piece_are_read_apart(name: str, apart: str) -> None:
    """As they stand too: a joint may be none."""
    assert apart in spellings(name)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("bla\u200bsts", "blasts"),
        ("Cyta\u00adrabin", "Cytarabin"),
        ("\u0412lasts", "Blasts"),
        ("\u0421ytarabin", "Cytarabin"),
        ("PML/RAR\u03b1", "PML/RARa"),
        # Words of another script stay theirs.
        ("\u0431\u043b\u0430\u0441\u0442\u044b", "\u0431\u043b\u0430\u0441\u0442\u044b"),
        ("\u03b2-2", "\u03b2-2"),
    ],
)
def test_letters_that_only_look_alike(sent: str, shown: str) -> None:
    """What has no width is no letter."""
    assert seen(sent) == shown


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("input", "blast_pct_marrow"), ("tissue", "BONE_MARROW_ASPIRATE"), ("input", "BlastsKM"),
        ("drug", "cytarabine_100mg"), ("drug", "ARA-C_1000"), ("drug", "CPX_351"),
        ("gcsf", "G_CSF"), ("lesion", "MyeloidSarcoma"), ("relapse", "AML_relapse"),
        ("relapse", "AMLRelapse"), ("drug", "Cyta\u200brabin"), ("input", "\u0412lasts"),
    ],
)  # fmt: skip
def test_a_name_that_a_system_made_is_read(kind: str, name: str) -> None:
    """As the same words with blanks between them are."""
    assert HINTS.names(kind, name)


@pytest.mark.parametrize(
    "text",
    ["no_blasts", "Blasts_absent", "NoBlasts seen", "kein_Rezidiv", "no_sign_of_relapse"],
)
def test_a_denial_in_one_piece_is_one(text: str) -> None:
    """Also where the parts are joined."""
    assert not HINTS.signs(text)


@pytest.mark.parametrize(
    ("joined", "kind"), [("AML_not_in_remission", "active"), ("recurrent_AML", "returns")]
)
def test_what_a_sentence_says_is_said_in_one_piece_too(joined: str, kind: str) -> None:
    """That the disease is there, or back; and a denial takes it away there as well."""
    assert HINTS.stands(kind, joined)
    assert HINTS.stands(kind, joined.replace("_", " "))
    assert not HINTS.stands("active", "no_active_AML")
