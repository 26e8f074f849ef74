"""What a first and an idle run cost: 200 patients with 50 Observations each, on every server.

`python -m tests.servers.measure [embedded sekmet hapi]` prints requests, bytes and seconds.
"""

import sys
import tempfile
import time
import uuid
from pathlib import Path

from fhir_remission.rehearsal.cohort.cohort import bulk_cohort
from tests.servers.conftest import _serving
from tests.servers.rest import Rest
from tests.servers.site import Site

PATIENTS, OBSERVATIONS = 200, 50
ROW = "{:<10} {:<6} {:>9} {:>7} {:>9} {:>8} {:>8}"


def main(lanes: list[str]) -> int:
    """Measure each server and print one table."""
    print(f"{PATIENTS} patients, {OBSERVATIONS} Observations each")
    print(ROW.format("server", "run", "requests", "writes", "MiB read", "seconds", "written"))
    for lane in lanes or ["embedded", "sekmet", "hapi"]:
        with (
            _serving(lane) as base_url,
            tempfile.TemporaryDirectory() as folder,
            Rest(base_url, mark=f"m{uuid.uuid4().hex[:8]}") as rest,
        ):
            _measure(lane, Site(rest, Path(folder)))
    return 0


def _measure(lane: str, site: Site) -> None:
    resources = [_renamed(site, r) for r in bulk_cohort(PATIENTS, OBSERVATIONS)]
    site.load(resources)
    patients = [r["id"] for r in resources if r["resourceType"] == "Patient"]
    (site.folder / "cohort.csv").write_text("\n".join(["patient", *patients]) + "\n")
    for run in ("first", "idle"):
        start = time.perf_counter()
        ran = site.sync("--set", "cohort.kind=list")
        told = ran.summary
        print(
            ROW.format(
                lane,
                run,
                told["requests"],
                told["unsafe_requests"],
                f"{told['bytes'] / 2**20:.1f}",
                f"{time.perf_counter() - start:.1f}",
                told["created"] + told["updated"],
            ),
            flush=True,
        )


def _renamed(site: Site, resource: dict[str, object]) -> dict[str, object]:
    """Ids of this measurement only."""
    import json

    renamed: dict[str, object] = json.loads(
        json.dumps(resource).replace("bulk-", f"{site.rest.mark}-")
    )
    return renamed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
