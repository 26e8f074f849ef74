"""fhir-remission: works out AML remission from FHIR Observations, with proof.

from fhir_remission import classify

for assessment in classify("bundle.json", criteria="eln-2022"):
    print(assessment.patient, assessment.state, assessment.category, assessment.summary)
"""

from fhir_remission.domain.assessment import Assessment
from fhir_remission.jobs.classify import classify
from fhir_remission.version import VERSION

__version__ = VERSION

__all__ = ["Assessment", "__version__", "classify"]
