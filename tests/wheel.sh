#!/usr/bin/env bash
# Build the wheel, install it alone, and use it from a folder that knows nothing of the checkout.
set -euo pipefail
checkout=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --upgrade "pip>=25.1"
"$folder/venv/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$folder" .
"$folder/venv/bin/python" -m pip install --quiet "$folder"/fhir_remission-*.whl
cd "$folder"
venv/bin/fhir-remission version
venv/bin/fhir-remission demo > demo.txt
grep -q "0 writes" demo.txt
venv/bin/fhir-remission classify "$checkout"/fixtures/cases/complete-remission/bundle.json --as-of 2026-10-01T00:00:00Z > line.json
grep -q '"category":"CR"' line.json
echo "the wheel works away from the checkout"
