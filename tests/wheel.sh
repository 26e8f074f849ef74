#!/usr/bin/env bash
# Build the wheel, install it on what is locked, and use it from a folder that knows nothing of the
# checkout: wheel.sh PYTHON CYCLONEDX-PY DIST. The wheel and its SBOM (CycloneDX) are left in DIST.
set -euo pipefail
checkout=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --upgrade "pip>=25.1"
rm -rf "$3" && mkdir -p "$3"
"$folder/venv/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$3" .
"$folder/venv/bin/python" -m pip install --quiet --require-hashes -r deploy/requirements.txt
"$folder/venv/bin/python" -m pip install --quiet --no-deps "$3"/fhir_remission-*.whl
"$folder/venv/bin/python" -m pip check
"$folder/venv/bin/python" -m pip uninstall --quiet --yes pip setuptools
"$2" environment --output-reproducible --output-format JSON --output-file "$3/fhir-remission.cdx.json" \
  --pyproject pyproject.toml --mc-type application "$folder/venv/bin/python"
grep -q '"name": "fhir-remission"' "$3/fhir-remission.cdx.json"
cd "$folder"
venv/bin/fhir-remission version
venv/bin/fhir-remission demo > demo.txt
grep -q "0 writes" demo.txt
venv/bin/fhir-remission classify "$checkout"/fixtures/cases/complete-remission/bundle.json --as-of 2026-10-01T00:00:00Z > line.json
grep -q '"category":"CR"' line.json
! venv/bin/fhir-remission classify missing.json 2> said.txt
grep -q 'errors.md#input-error-cannot-be-read' said.txt
# As people install commands: each in an environment of its own, with nothing of ours beside it.
tools=$(dirname "$2") python=$(command -v "$1")
UV_TOOL_DIR=$folder/uv UV_CACHE_DIR=$folder/cache "$tools/uv" tool run --quiet --python "$python" --from "$3"/fhir_remission-*.whl fhir-remission version
PIPX_HOME=$folder/pipx PIPX_BIN_DIR=$folder/bin "$tools/pipx" install --quiet --python "$python" "$3"/fhir_remission-*.whl
"$folder/bin/fhir-remission" version
echo "the wheel works away from the checkout"
