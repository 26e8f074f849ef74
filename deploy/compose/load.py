"""Put the invented cohort of the demo on a FHIR server: load.py BASE_URL."""

import sys
import time
import urllib.request

from fhir_remission.rehearsal.cohort.cohort import demo_cohort, transactions
from fhir_remission.rehearsal.server.codec import encode


def main(base: str) -> None:
    """Wait for the server, then put everything, what is referred to first."""
    for _ in range(60):
        try:
            urllib.request.urlopen(f"{base}/metadata", timeout=10)
            break
        except OSError:
            time.sleep(2)
    for bundle in transactions(demo_cohort()):
        request = urllib.request.Request(
            base,
            data=encode(bundle),
            headers={"Content-Type": "application/fhir+json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            print(f"{len(bundle['entry'])} resources: {answer.status}")


main(sys.argv[1])
