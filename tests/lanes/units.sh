#!/usr/bin/env bash
# The files of `fhir-remission install systemd` for a made-up site, verified: any word on standard
# error is a failure, because systemd-analyze ends with 0 on keys it does not know.
set -euo pipefail
command=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$command" config init site.toml > /dev/null
"$command" install systemd --config site.toml --program "$command" --out units > /dev/null
# The user of the units need not be on this machine to be verified.
said=$(systemd-analyze verify --man=no --recursive-errors=no units/fhir-remission.service units/fhir-remission.timer \
  units/fhir-remission-serve.service units/fhir-remission-serve.socket 2>&1 | grep -v 'Unit .* not found' || true)
[ -z "$said" ] || { echo "$said"; exit 1; }
for unit in fhir-remission.service fhir-remission-serve.service; do
  systemd-analyze security --offline=true --threshold=25 --no-pager "units/$unit" | tail -1
done
# A key that does not exist is seen, and a unit with nothing taken away is over the threshold.
sed 's/^PrivateTmp=/PrivateTemp=/' units/fhir-remission.service > bad.service
said=$(systemd-analyze verify --man=no --recursive-errors=no "$folder/bad.service" 2>&1 || true)
[[ $said == *PrivateTemp* ]] || { echo "a wrong key was not seen"; exit 1; }
printf '[Service]\nType=oneshot\nExecStart=/bin/true\n' > bare.service
! systemd-analyze security --offline=true --threshold=25 --no-pager "$folder/bare.service" > /dev/null 2>&1 || { echo "a bare unit passed"; exit 1; }
# The user and the folder of the state come to be, in a root of their own.
mkdir -p root/etc
systemd-sysusers --root="$folder/root" "$folder/units/fhir-remission-user.conf" > /dev/null 2>&1
grep -q '^fhir-remission:' root/etc/passwd
systemd-tmpfiles --root="$folder/root" --create "$folder/units/fhir-remission-folders.conf"
[ "$(stat -c %a "$folder/root$folder")" = 700 ]
echo "the units hold"
