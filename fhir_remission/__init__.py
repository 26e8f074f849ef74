"""fhir-remission: works out AML remission from FHIR Observations, with proof.

from fhir_remission import Classifier

judge = Classifier(criteria="eln-2022")
for found in judge("bundle.json"):
    print(found.patient, found.state, found.category, found.summary)
"""

from fhir_remission.errors import InputError, RemissionError, SettingsError, TableError, UsageError
from fhir_remission.jobs.classifier import Assessment, Classifier, classify, schema
from fhir_remission.version import VERSION

__version__ = VERSION

__all__ = [
    "Assessment",
    "Classifier",
    "InputError",
    "RemissionError",
    "SettingsError",
    "TableError",
    "UsageError",
    "__version__",
    "classify",
    "schema",
]
