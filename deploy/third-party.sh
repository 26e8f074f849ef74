#!/usr/bin/env bash
# The list of what is deployed besides our own code, by name, with its licence: third-party.sh PIP-LICENSES PYTHON
set -euo pipefail
cat <<'TEXT'
# Third-party software

What `deploy/requirements.txt` installs beside `fhir-remission` on Linux, and under which licence, as each
package says itself. Made by `make lock`. The licence texts come with the packages.

TEXT
"$1" --python="$2" --format=markdown --order=name --ignore-packages pip setuptools
