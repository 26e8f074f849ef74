"""Put the invented cohort of the demo on a FHIR server: load.py BASE_URL."""

import json
import sys
import time
import urllib.request

from fhir_remission.rehearsal.cohort import demo_cohort


def main(base: str) -> None:
    """Wait for the server, then put everything in one transaction."""
    for _ in range(60):
        try:
            urllib.request.urlopen(f"{base}/metadata", timeout=10)
            break
        except OSError:
            time.sleep(2)
    resources = [json.loads(json.dumps(one)) for one in demo_cohort()]
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
        for one in resources
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    request = urllib.request.Request(
        base,
        data=json.dumps(bundle).encode(),
        headers={"Content-Type": "application/fhir+json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        print(f"{len(entries)} resources: {answer.status}")


main(sys.argv[1])
