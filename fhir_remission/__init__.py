"""fhir-remission: works out AML remission from FHIR Observations, with proof.

from fhir_remission import Classifier

judge = Classifier(criteria="eln-2022")
for found in judge("bundle.json"):
    print(found.patient, found.state, found.category, found.summary)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from fhir_remission.errors import InputError, RemissionError, SettingsError, TableError, UsageError
from fhir_remission.version import VERSION

if TYPE_CHECKING:
    from fhir_remission.jobs.files.classifier import Classifier, classify
    from fhir_remission.jobs.files.published import Assessment, schema

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


def __getattr__(name: str) -> object:
    """Import the job when it is asked for: every command begins here and most need another."""
    if name in __all__:
        home = "published" if name in {"Assessment", "schema"} else "classifier"
        return getattr(import_module(f"fhir_remission.jobs.files.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
