"""Archives for the bench: courses of the twin among results that no criterion reads, in no order.

Three of four Observations are other labs, and every one carries what a hospital's interface
engine adds (identifier, category, performer, reference range), so that a line is about 1.7 kB.
Nobody is real. One seed, one file.

    python -m tests.bench.generate --observations 100000 --out build/bench/100k.ndjson
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.twin import generate
from tests.twin.course import line

LOCAL = "https://lab.hospital.example/codes"
UCUM = "http://unitsofmeasure.org"
# code, words, low, high, unit
OTHERS = [
    ("718-7", "Hemoglobin [Mass/volume] in Blood", 12, 17, "g/dL"),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", 0.6, 1.2, "mg/dL"),
    ("2951-2", "Sodium [Moles/volume] in Serum or Plasma", 135, 145, "mmol/L"),
    ("2823-3", "Potassium [Moles/volume] in Serum or Plasma", 3.5, 5.1, "mmol/L"),
    ("17861-6", "Calcium [Mass/volume] in Serum or Plasma", 8.5, 10.5, "mg/dL"),
    ("1742-6", "Alanine aminotransferase [Enzymatic activity/volume]", 0, 50, "U/L"),
    ("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", 0.2, 1.2, "mg/dL"),
    ("2532-0", "Lactate dehydrogenase [Enzymatic activity/volume]", 0, 250, "U/L"),
    ("1988-5", "C reactive protein [Mass/volume] in Serum or Plasma", 0, 5, "mg/L"),
    ("2345-7", "Glucose [Mass/volume] in Serum or Plasma", 70, 100, "mg/dL"),
    ("1751-7", "Albumin [Mass/volume] in Serum or Plasma", 35, 52, "g/L"),
    ("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", 7, 20, "mg/dL"),
]
# Lines held back so that those of one patient lie far apart.
POOL = 50_000


def write(path: Path, observations: int, seed: int = 1) -> int:
    """Write about that many Observations; return how many there are."""
    rng = random.Random(seed)
    written = 0
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="\n", buffering=1 << 20) as file:
        for text, counts in _shuffled(_lines(rng, observations, seed), rng):
            file.write(text)
            written += counts
    partial.replace(path)
    return written


def _shuffled(lines: Iterator[tuple[str, bool]], rng: random.Random) -> Iterator[tuple[str, bool]]:
    pool: list[tuple[str, bool]] = []
    for item in lines:
        if len(pool) < POOL:
            pool.append(item)
            continue
        place = rng.randrange(POOL)
        yield pool[place]
        pool[place] = item
    rng.shuffle(pool)
    yield from pool


def _lines(rng: random.Random, observations: int, seed: int) -> Iterator[tuple[str, bool]]:
    made = number = 0
    while made < observations:
        resources = generate.write_course(f"p{number:06d}", random.Random(f"{seed}/{number}"))
        number += 1
        results = 0
        for resource in resources:
            if resource["resourceType"] == "Observation":
                code = resource["code"]["coding"][0]["code"]
                resource.update(padding(rng, code, 0, 100, "10*9/L"))
                results += 1
            yield f"{line(resource)}\n", resource["resourceType"] == "Observation"
        for place in range(3 * results):
            yield _other(rng, resources[0]["id"], place), True
        made += 4 * results


def _other(rng: random.Random, patient: str, place: int) -> str:
    code, words, low, high, unit = rng.choice(OTHERS)
    value = round(low + (high - low) * rng.random() * 1.2, 2)
    resource = {
        "resourceType": "Observation",
        "id": f"{patient}-x{place}",
        "meta": {"versionId": "1"},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": words}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"2025-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
        "valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit},
    }
    resource |= padding(rng, code, low, high, unit)
    return json.dumps(resource, separators=(",", ":")) + "\n"


def padding(rng: random.Random, code: str, low: float, high: float, unit: str) -> dict[str, Any]:
    """What comes with every result and is never read."""
    number = f"{rng.getrandbits(64):016x}"

    def end(value: float) -> dict[str, Any]:
        return {"value": value, "unit": unit, "system": UCUM, "code": unit}

    return {
        "identifier": [
            {
                "type": {"coding": [{"system": f"{LOCAL}/kind", "code": "OBI"}]},
                "system": "https://lab.hospital.example/ids/result",
                "value": f"2025-{number}",
            }
        ],
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "laboratory",
                        "display": "Laboratory",
                    },
                    {"system": f"{LOCAL}/section", "code": "CHEM", "display": "Clinical chemistry"},
                ]
            }
        ],
        "encounter": {"reference": f"Encounter/e-{number[:8]}", "display": "Inpatient stay"},
        "issued": "2025-06-30T09:53:07.000+00:00",
        "performer": [
            {"reference": "Organization/central-laboratory", "display": "Central laboratory"}
        ],
        "interpretation": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/"
                        "v3-ObservationInterpretation",
                        "code": rng.choice("LNH"),
                    }
                ],
                "text": f"{code} against the range of the method",
            }
        ],
        "referenceRange": [
            {
                "low": end(low),
                "high": end(high),
                "type": {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/"
                            "referencerange-meaning",
                            "code": "normal",
                            "display": "Normal Range",
                        }
                    ]
                },
                "text": "adults, both sexes, method of the central laboratory",
            }
        ],
    }


def main() -> None:
    """Write one archive."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--observations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    print(write(asked.out, asked.observations, asked.seed), "observations")


if __name__ == "__main__":
    main()
