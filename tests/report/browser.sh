#!/usr/bin/env bash
# browser.sh COMMAND...: run it where Chromium and axe-core are; both are fetched where they lack.
set -euo pipefail
FHIR_REMISSION_BROWSER=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$FHIR_REMISSION_BROWSER" ]; then
  root=$([ "$(id -u)" = 0 ] || echo sudo)
  $root apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core > /dev/null \
    || { $root apt-get update -q > /dev/null; $root apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core > /dev/null; }
  FHIR_REMISSION_BROWSER=$(command -v chromium)
fi
axe=build/browser/node_modules/axe-core/axe.min.js
[ -f "$axe" ] || npm install --silent --no-fund --no-audit --prefix build/browser axe-core@4.14.1
export FHIR_REMISSION_BROWSER FHIR_REMISSION_AXE=$axe
exec "$@"
