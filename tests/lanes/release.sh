#!/usr/bin/env bash
# Build what is released, twice, from what git has, and compare the bytes: release.sh TOOLS DIST
# Leaves sdist, wheel, SBOM, checksums and a provenance statement in DIST; uploads nothing.
set -euo pipefail
tools=$1 dist=$2
# The time of what is built is that of its last change: the same commit has the same bytes.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH PIP_DISABLE_PIP_VERSION_CHECK=1
version=$(sed -n 's/^VERSION = "\(.*\)"/\1/p' fhir_remission/version.py)
grep -q "^## \(Unreleased\|$version\)" CHANGELOG.md || { echo "CHANGELOG.md has no section $version"; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for turn in 1 2; do
  mkdir -p "$folder/$turn/source"
  git archive HEAD | tar -x -C "$folder/$turn/source"
  # Another umask and another folder, as on another machine.
  (umask 00$((turn * 22 - 22)); cd "$folder/$turn/source" && "$tools/python" -m build --outdir "$folder/$turn/dist" . > "$folder/$turn.log" 2>&1) || { tail -5 "$folder/$turn.log"; exit 1; }
done
(cd "$folder/1/dist" && sha256sum -- *) > "$folder/first"
(cd "$folder/2/dist" && sha256sum -- *) > "$folder/second"
cmp "$folder/first" "$folder/second" || { diff "$folder/first" "$folder/second"; echo "two builds differ"; exit 1; }
"$tools/twine" check --strict "$folder"/1/dist/*
mkdir -p "$dist"
rm -f "$dist"/fhir_remission-* "$dist"/SHA256SUMS "$dist"/provenance.json
cp "$folder"/1/dist/* "$dist/"
cp "$folder/first" "$dist/SHA256SUMS"
"$tools/python" - "$dist" "$version" <<'PYTHON'
"""in-toto statement with SLSA provenance of what was built: https://slsa.dev/spec/v1.0/provenance"""
import json, os, subprocess, sys
dist, version = sys.argv[1:]
commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
subjects = [
    {"name": name, "digest": {"sha256": digest}}
    for digest, name in (line.split() for line in open(f"{dist}/SHA256SUMS"))
]
statement = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": subjects,
    "predicateType": "https://slsa.dev/provenance/v1",
    "predicate": {
        "buildDefinition": {
            "buildType": "https://w3id.org/fhir-remission/build/release",
            "externalParameters": {"command": "make release", "version": version},
            "internalParameters": {"SOURCE_DATE_EPOCH": os.environ["SOURCE_DATE_EPOCH"]},
            "resolvedDependencies": [{"uri": "git+local", "digest": {"gitCommit": commit}}],
        },
        "runDetails": {"builder": {"id": "https://w3id.org/fhir-remission/builder/local"}},
    },
}
with open(f"{dist}/provenance.json", "w") as file:
    json.dump(statement, file, indent=1, sort_keys=True)
PYTHON
echo "release $version: the same bytes twice; $(wc -l < "$dist/SHA256SUMS") files in $dist"
