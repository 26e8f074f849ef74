"""The CycloneDX SBOM of the image: `image_sbom.py WHEEL-SBOM VERSION < PACKAGES > IMAGE-SBOM`.

What Python has is in the wheel's SBOM, made from the same lock; PACKAGES are the lines that
`dpkg-query -W -f '${Package} ${Version} ${Architecture}\\n'` prints inside the image.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import quote


def component(line: str) -> dict[str, str]:
    """A Debian package by its package URL: https://github.com/package-url/purl-spec."""
    name, version, machine = line.split()
    purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}?arch={machine}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def main(wheel: str, version: str) -> None:
    """Print both as one."""
    sbom = json.loads(Path(wheel).read_text(encoding="utf-8"))
    program = sbom["metadata"].pop("component")
    sbom["components"] = [program, *sbom["components"], *map(component, sys.stdin)]
    named = {"type": "container", "name": "fhir-remission", "version": version}
    sbom["metadata"]["component"] = {**named, "bom-ref": "image"}
    json.dump(sbom, sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
