"""Write every resource the demo's runs put on a server into a folder, for the validators.

`python -m tests.validators.produce DIR`: first run, amendment, retraction, signed and unsigned;
and our code lists, as `mappings export` writes them.
"""

import json
import sys
import tempfile
from pathlib import Path

from fhir_remission.jobs import mappings_export
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort import amendment
from tests.servers.rest import Rest
from tests.servers.site import Site


def main(target: Path) -> int:
    """Run, collect every version that was written, and say how many."""
    target.mkdir(parents=True, exist_ok=True)
    mappings_export.run(target / "terminology")
    with EmbeddedServer() as server, tempfile.TemporaryDirectory() as folder:
        with Rest(server.base_url, mark="v") as rest:
            site = Site(rest, Path(folder))
            site.load()
            site.sync()
            site.load([amendment()])
            site.sync("--set", "sink.main.signer=Practitioner/p1")
            _retract(site)
            site.sync()
        written = [
            _resources(json.loads(asked.body)) for asked in server.requests.unsafe if asked.body
        ]
    ours = [r for listed in written for r in listed if _is_ours(r)]
    with (target / "produced.ndjson").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(resource) + "\n" for resource in ours)
    print(f"{len(ours)} resources in {target / 'produced.ndjson'}")
    return 0 if ours else 1


def _retract(site: Site) -> None:
    marrow = next(n for n in site.ours() if n.startswith("Observation"))
    for reference in site.rest.ask("GET", marrow).json()["derivedFrom"]:
        held = site.rest.ask("GET", reference["reference"]).json()
        site.rest.ask("PUT", reference["reference"], body={**held, "status": "entered-in-error"})


def _resources(body: dict[str, object]) -> list[dict[str, object]]:
    if body.get("resourceType") != "Bundle":
        return [body]
    entries = body.get("entry")
    assert isinstance(entries, list)
    return [entry["resource"] for entry in entries if "resource" in entry]


def _is_ours(resource: dict[str, object]) -> bool:
    return "w3id.org/fhir-remission/CodeSystem/tag" in json.dumps(resource.get("meta", {}))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
