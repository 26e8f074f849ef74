"""Which issues of an OperationOutcome mean that rows may be missing: a row per FHIR issue type."""

from __future__ import annotations

from fhir_remission.domain.nouns.tsv import read_rows

ISSUE_COLUMNS = ("code", "parent", "hides", "means", "source")
Harmless = frozenset[str]
"""The codes that say nothing of the rows at warning and information: all others hide some.

Those that a vendor says in `details` as `root|code`: below which of its OIDs, and the code.
"""


def read_issue_codes(text: str, *, file: str) -> Harmless:
    """Read the table; TableError names a row whose parent has none or that does not say."""
    known: set[str] = {""}
    harmless: set[str] = set()
    for row in read_rows(text, file=file, columns=ISSUE_COLUMNS):
        if row["parent"] not in known:
            raise row.refuse(f"the parent {row['parent']} has no row above this one; add it")
        if row["hides"] not in ("yes", "no"):
            raise row.refuse("hides must be yes or no")
        known.add(row["code"])
        if row["hides"] == "no":
            harmless.add(row["code"])
    return frozenset(harmless)


def is_of(vendor: str, harmless: Harmless) -> bool:
    """Whether a vendor's `system|code` has a row: each customer has a system below the root."""
    system, _, code = vendor.rpartition("|")
    rows = (one.rpartition("|") for one in harmless)
    return any(mark and code == own and system.startswith(f"{root}.") for root, mark, own in rows)
