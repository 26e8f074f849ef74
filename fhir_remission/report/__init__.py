"""Pages for clinicians: one patient's answer as a picture with its proof, a cohort at a glance."""

from fhir_remission.report.entries import Judgement
from fhir_remission.report.patient import Dossier, dossier_of, patient_page, withheld_page

__all__ = ["Dossier", "Judgement", "dossier_of", "patient_page", "withheld_page"]
