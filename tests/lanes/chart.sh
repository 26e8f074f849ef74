#!/usr/bin/env bash
# The chart: lint, its own tests, and every object it makes against the schemas of Kubernetes.
#   chart.sh HELM UNITTEST KUBERNETES-VALIDATE
set -euo pipefail
helm=$1 unittest=$2 validate=$3
chart=deploy/chart
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
version=$(sed -n 's/^VERSION = "\(.*\)"/\1/p' fhir_remission/version.py)
grep -qx "appVersion: \"$version\"" $chart/Chart.yaml
grep -qx "version: $version" $chart/Chart.yaml
"$helm" lint --strict --quiet $chart -f $chart/tests/values/site.yaml --kube-version 1.30.0
"$unittest" --strict $chart | tail -6
# Without the name of its secret it is not made, and says so in a line that names the key.
! "$helm" template demo $chart --kube-version 1.30.0 > "$folder/none.yaml" 2> "$folder/said.txt"
grep -q 'secrets.name: name the Secret' "$folder/said.txt"
full=(--set serve.enabled=true --set secrets.stateUrl=true --set-string 'overlay.codes\.tsv=x' --set sync.timeZone=Europe/Berlin)
for kube in 1.30.0 1.34.0; do
  "$helm" template demo $chart -f $chart/tests/values/site.yaml "${full[@]}" --kube-version $kube > "$folder/all.yaml"
  "$validate" --strict -k ${kube%.0} "$folder/all.yaml" > "$folder/checked.txt" 2>&1 || { cat "$folder/checked.txt"; exit 1; }
  echo "chart: $(grep -c ' passed ' "$folder/checked.txt") objects hold on Kubernetes ${kube%.0}"
done
# A field that does not exist is seen.
sed 's/concurrencyPolicy:/concurencyPolicy:/' "$folder/all.yaml" > "$folder/bad.yaml"
! "$validate" --strict -k 1.34 "$folder/bad.yaml" > /dev/null 2>&1 || { echo "a wrong field was not seen"; exit 1; }
# The settings of the chart are settings.
"${PYTHON:-python3}" - "$folder/all.yaml" "$folder/site.toml" <<'PYTHON'
import sys, re
text = open(sys.argv[1]).read()
block = re.search(r"  site\.toml: \|\n((?:    .*\n|\n)+)", text)[1]
open(sys.argv[2], "w").write(re.sub(r"(?m)^    ", "", block))
PYTHON
"$4" config show --config "$folder/site.toml" > /dev/null
echo "the chart holds"
