"""fhir-remission: works out AML remission from FHIR Observations, with proof."""
