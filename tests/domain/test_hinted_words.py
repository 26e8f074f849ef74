"""Words that hospitals send where no table has their code: what each may be, and what it is not."""

from __future__ import annotations

import pytest

from fhir_remission.effects.files.mapping_files import load_mappings

MAPPINGS = load_mappings()
HINTS = MAPPINGS.codes.hints
# The words that somebody sent, or may send, and what they are of.
NAMED = {
    "platelet-count": "PLT|Plt|PLT-F|PLT-O|PLT-I|Thrombo|Thromb.|THRO|Thr|TRO|TRC|TPK|B-TPK|B-Trom"
    "|B-Trombosyytit|NPU03568|Płytki krwi|Trombosit|血小板|Тромбоциты|혈소판|Αιμοπετάλια|טסיות"
    "|الصفائح الدموية|เกล็ดเลือด|Trombotsüüdid|Krevní destičky|Vérlemezke|Recuento plaquetario"
    "|Conta piastrinica|Verihiutaleet|Blodplätt|PLTs|Tiểu cầu",
    "neutrophils": "PNN|NEUT#|B-Neut|Neutro abs.|Neutr. absolut|GRA abs|好中球数|Нейтрофилы"
    "|Neutrofiilid|中性粒细胞|호중구|Ουδετερόφιλα|Nötrofil|NPU02902|Polynucléaires",
    "leukocytes": "Globules blancs|GB|LPK|B-Leuk|Leuko|Leukos|Lkc|WCC|TLC|白血球数|Лейкоциты"
    "|Glóbulos blancos|Globuli bianchi|Valkosolut|Fehérvérsejtek|Akyuvar|NPU02593|Bílé krvinky"
    "|Krwinki białe|白细胞",
    "drug": "ARACYTINE 100 mg|ARACYTIN|Cylocide|キロサイド|イダマイシン|ダウノマイシン|ビダーザ"
    "|ベネクレクスタ|ゾスパタ|アクラシノン|ノバントロン|ラステット|高三尖杉酯碱|阿克拉霉素|Рубида"
    "|Рубомицин|Цитозар|Винкристин|Меркаптопурин|Δαουνορουβικίνη|시타라빈|ציטרבין|سيتارابين"
    "|Daunoblastina|Onkotrone|Ralenova|Amsidyl|Lanvis|Hycamtin|Trecondi|Alkeran|Aclacinon"
    "|Etopophos|Enocitabine|Sunrabin|BHAC|cytarabiini|sytarabin|Idarubicyna|azacytydyna"
    "|venetoklaks|6-MP|LoDAC|Tepadina|Vincristine|Oncovin|XALUPRINE|PURI-NETHOL|Komzifti|Nexavar"
    "|Dauno|DAUNO|Ida 12mg/m2|IDA|Mito|Clofa|GO 3mg/m2|CTX|7 & 3|DA 60|DA3+10|FLAGIDA|Cytarab."
    "|Cytar.|Azac.|Chemoth. C2|daunorrubicina|idarrubicina|sitarabin"
    "|даунорубіцин|이다루비신|κυταραβίνη|长春新碱|DA-90|3+8|wenetoklaks",
    "platelets": "CPA|MCPS|pool plaquetario|trombosyyttisiirto|Verihiutaleiden siirto|KKP"
    "|trombosit süspansiyonu|RDP 4 units|SDP|Single donor pheresis|PLTs x1|plts 1 unit"
    "|Thrombos 1 Beutel|платаферез|Random donor pool|혈소판 수혈|Krevní destičky",
    "transfusion": "Apheresis unit|Hemoderivat|Verensiirto|수혈|Μετάγγιση|Transzfúzió",
    "gcsf": "Grasalva|Grastofil|Ryzneuta|Nypozi|Granulokine|Grasin|Leucomax|Экстимия|Лейкостим"
    "|Нейпоген|グラン|ノイトロジン|ジーラスタ|重组人粒细胞刺激因子|聚乙二醇化重组人粒细胞刺激因子"
    "|津优力|rhG-CSF|PEG-rhG-CSF|Fylnetra|Neukine|Religrast|Граноцит|GM-CSF",
    "apl-marker": "PML/RARα|PML:RARA|PML-RAR alpha|PML::RARα|ZBTB16::RARA|PLZF-RARA|FISH RARA",
    "leukaemia": "LPA|LAP",
    "not-aml": "LPA|LAP|AML-M3v|LAM-M3|LMA M3|PML/RARα",
}
# What only looks like one of these.
UNNAMED = {
    "drug": "Timed up and go test|Go-Lytely|Duloxetina capsule da 60 mg|Mito-C|CTX-M Screening"
    "|Eisen bei IDA|ven. Blutentnahme|Goserelin|Midazolam|Metotrexal|Gonadorelin",
    "platelets": "Thrombo ASS 100 mg|Thrombo-Embolieprophylaxe|Trombolyse|Thrombose|Kapsel 2 cps",
    "platelet-count": "Thrombose|Thromboplastinzeit|Trombo auricular|Throat swab",
    "leukocytes": "NRBC/100 Leukos|Leukase|GBM",
    "neutrophils": "Grad|Neutral|Gram",
    "leukaemia": "lap. Cholezystektomie|LAP-Band|Lappen|Lipaemie",
    "gcsf": "グランダキシン|Granisetron",
}


def each(table: dict[str, str]) -> list[tuple[str, str]]:
    """Every word of a table with what it is of."""
    return [(kind, word) for kind, words in table.items() for word in words.split("|")]


@pytest.mark.parametrize(("kind", "word"), each(NAMED))
def test_a_word_that_hospitals_send_is_known_for_what_it_may_be(kind: str, word: str) -> None:
    """By itself, in its own script."""
    assert HINTS.names(kind, word)


@pytest.mark.parametrize(("kind", "word"), each(UNNAMED))
def test_a_word_that_only_looks_like_one_is_not(kind: str, word: str) -> None:
    """Ordinary data stays as it is."""
    assert not HINTS.names(kind, word)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("46,XX,t(15;17)(q24;q21)[20]", True),
        ("46,XX,t(15;17)", True),
        ("46, XY, t(15;17)(q22;q12)[18]/46,XY[2]", True),
        ("RARA rearrangement detected", True),
        ("AML-M3v", True),
        ("keine t(8;21), t(15;17), inv(16)", False),
        ("t(15;17) nicht nachgewiesen", False),
        ("no RARA rearrangement", False),
        ("RARA rearrangement not detected", False),
        ("46,XX[20]", False),
        ("enfermedad rara", False),
    ],
)
def test_a_promyelocytic_leukaemia_is_read_where_it_stands(text: str, found: bool) -> None:
    """In a karyotype, as a fusion or by its FAB name; not where somebody denies it."""
    assert ("apl" in HINTS.signs(text)) is found


@pytest.mark.parametrize(
    ("system", "code", "kind"),
    [
        ("http://www.cms.gov/Medicare/Coding/ICD10", "3E03305", "therapy-start"),
        ("http://www.cms.gov/Medicare/Coding/ICD10", "3E04305", "therapy-start"),
        ("http://hl7.org/fhir/sid/icd-10-pcs", "3E06305", "therapy-start"),
        ("http://www.cms.gov/Medicare/Coding/ICD10", "3E0329Z", ""),
        ("http://hl7.org/fhir/sid/icd-9-cm", "99.25", "therapy-start"),
        ("http://hl7.org/fhir/sid/icd-9-cm", "99.05", "platelet-transfusion"),
        ("urn:oid:2.16.840.1.113883.6.104", "41.05", "transplant"),
        ("urn:oid:1.2.208.176.2.4", "BWHA1", "therapy-start"),
        ("urn:oid:1.2.208.176.2.4", "BWHA", "therapy-start"),
        ("http://fdasis.nlm.nih.gov", "04079A1RDZ", "therapy-start"),
        ("http://www.hl7.org/unii", "04079A1RDZ", "therapy-start"),
        ("https://go.drugbank.com", "DB00987", "therapy-start"),
        ("cas", "147-94-4", "therapy-start"),
        ("http://www.whocc.no/atc", "L03AA", "gcsf-pegylated"),
        ("http://www.whocc.no/atc", "L03AA20", "gcsf-pegylated"),
        ("https://bluebutton.cms.gov/resources/codesystem/hcpcs", "J2506", "gcsf-pegylated"),
    ],
)
def test_a_code_without_words_is_what_it_may_be(system: str, code: str, kind: str) -> None:
    """By its row, by its range, or by itself under a system that nobody knows."""
    events, named = MAPPINGS.events, MAPPINGS.systems.canonical(system)
    rows = events.of(named, code, "Procedure") or (
        *filter(None, [events.within(named, code, "Procedure")]),
        *(events.perhaps(code, "Procedure") if named not in MAPPINGS.systems.known else ()),
    )
    assert [row.kind for row in rows[:1]] == ([kind] if kind else [])
