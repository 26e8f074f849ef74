"""The one address under which our own codes, tags and identifiers live; a site may set another."""

from __future__ import annotations

NAMESPACE = "https://w3id.org/fhir-remission"
# Tables write our own systems with this placeholder, so that a site's namespace reaches them.
PLACEHOLDER = "{NS}"
INPUTS = "/CodeSystem/input"
"""Behind the namespace: the system of inputs that no other code system has."""
# No other software calls an identifier so, whatever the namespace of the site that wrote it.
IDENTIFIERS_OF_RESULTS = ("/id/content-digest", "/id/evidence-hash")
