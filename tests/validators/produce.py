"""Write every resource that we write about anybody into a folder, for the validators.

`python -m tests.validators.produce DIR`: what the demo's runs put on a server (first run,
amendment, retraction, signed and unsigned); what `serve` answers, refusals too; for every case of
fixtures/cases all resources of its whole history by every criteria set, and its last ones taken
back; and our package.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fhir_remission.effects.files.mapping_files import default_dir
from fhir_remission.effects.server.server_families import load_families
from fhir_remission.fhir.r4.datatypes import Resource
from fhir_remission.fhir.writing.authorship import Authorship, Change
from fhir_remission.fhir.writing.patient_writes import Held, plan_writes
from fhir_remission.fhir.writing.provenance import build_provenance
from fhir_remission.fhir.writing.retraction import retracted
from fhir_remission.jobs.files import fhir_package
from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import amendment
from tests.fhir.samples import authorship
from tests.servers.rest import Rest
from tests.servers.site import Site
from tests.test_cases import FOLDERS, judge, read_case
from tests.validators.served import served

# Each sink of another kind gets every sixtieth case.
SOME = 60
SETS = ("eln-2022", "eln-2017", "iwg-2003", "healthtree-2024")


def main(target: Path) -> int:
    """Run, collect every version that was written, and say how many."""
    target.mkdir(parents=True, exist_ok=True)
    fhir_package.run(target / "fhir")
    listed = {json.dumps(resource): None for folder in FOLDERS for resource in of_case(folder)}
    few = FOLDERS[::SOME]
    listed |= {json.dumps(r): None for by in sinks() for f in few for r in of_case(f, by)}
    (target / "cases.ndjson").write_text("".join(f"{line}\n" for line in listed), encoding="utf-8")
    print(f"{len(listed)} resources of {len(FOLDERS)} cases in {target / 'cases.ndjson'}")
    with tempfile.TemporaryDirectory() as folder:
        answers = [json.dumps(one) for one in served(Path(folder))]
    (target / "served.ndjson").write_text("".join(f"{one}\n" for one in answers), encoding="utf-8")
    print(f"{len(answers)} answers of the service in {target / 'served.ndjson'}")
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


def sinks() -> Iterator[Authorship]:
    """In whose name and in how much of FHIR we write where it is not the plain way."""
    yield authorship(signer="Practitioner/p1")
    yield authorship(references="logical", source_base="https://ehr.example/r4")
    for family in load_families(default_dir() / "servers").values():
        fields, takes = tuple(family.observation), family.observation
        if not fields:
            continue
        yield authorship(
            signer="Practitioner/p1",
            fields=fields,
            in_note="identifier" not in fields,
            category="laboratory",
            statuses=takes["status"].takes,
        )


def of_case(folder: Path, by: Authorship | None = None) -> Iterator[Resource]:
    """Everything that one case would put on a server, by every criteria set."""
    case, by = read_case(folder), by or authorship()
    for criteria in SETS:
        history = judge(folder, case, criteria, case["as_of"])
        if history:
            written = [w.resource for w in plan_writes(history, by, Held(), which="history").writes]
            yield from written
            yield from _taken_back(written, by)


def _taken_back(written: list[Resource], by: Authorship) -> Iterator[Resource]:
    """The last result as its retraction leaves it, and why."""
    results = {w["resourceType"]: w for w in written if w["resourceType"] != "Provenance"}
    change = Change("evidence-withdrawn", before="CR")
    gone = [retracted(resource, by, change) for resource in results.values()]
    if gone:
        yield from gone
        yield build_provenance(gone, by, change=change)


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
