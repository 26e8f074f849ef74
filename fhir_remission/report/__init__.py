"""Pages for clinicians: one patient's answer as a picture with its proof, a cohort at a glance."""

from fhir_remission.report.cohort_pages import cohort_pages
from fhir_remission.report.entries import Judgement
from fhir_remission.report.patient import (
    Dossier,
    dossier_of,
    dossier_of_lines,
    patient_page,
    withheld_page,
)

__all__ = [
    "Dossier",
    "Judgement",
    "cohort_pages",
    "dossier_of",
    "dossier_of_lines",
    "patient_page",
    "withheld_page",
]
