#!/usr/bin/env bash
# Build the image on a base made of Debian's packages (a base cannot be pulled everywhere), and run
# it: demo, a run against the embedded server, SIGTERM, read-only, no capability, another user.
# Leaves the image as an OCI archive and its SBOM (CycloneDX) in build/image.
#   image.sh PYTHON HADOLINT CYCLONEDX-PY
set -euo pipefail
build=$PWD/build/image
export CONTAINERS_CONF=$build/containers.conf CONTAINERS_STORAGE_CONF=$build/storage.conf
mkdir -p "$build"
cat > "$CONTAINERS_CONF" <<CONF
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "${OCI_RUNTIME:-runc}"
events_logger = "file"
CONF
cat > "$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "overlay"
graphroot = "$build/storage"
runroot = "$build/run"
CONF
need() { command -v "$1" > /dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${@:2}" > /dev/null; }; }
need podman podman buildah runc mmdebstrap
need buildah buildah
need mmdebstrap mmdebstrap
need runc runc
[ -z "${2:-}" ] || "$2" deploy/Containerfile

base=localhost/fhir-remission-base
if ! buildah inspect --type image "$base" > /dev/null 2>&1; then
  [ -f "$build/base.tar" ] || mmdebstrap --quiet --variant=essential --include=python3-minimal,python3-venv,ca-certificates bookworm "$build/base.tar"
  empty=$(buildah from scratch)
  buildah add -q "$empty" "$build/base.tar" / > /dev/null
  buildah commit -q --rm "$empty" "$base" > /dev/null
fi

# What builds may hold more than what runs: strip, of this machine's Debian.
builder=localhost/fhir-remission-builder
if ! buildah inspect --type image "$builder" > /dev/null 2>&1; then
  need strip binutils
  from=$(buildah from --pull-never "$base")
  buildah add -q "$from" "$(readlink -f "$(command -v strip)")" /usr/bin/strip > /dev/null
  for library in $(ldd "$(command -v strip)" | awk '/=> \// {print $3}' | grep -v 'libc\.so'); do
    buildah add -q "$from" "$(readlink -f "$library")" "/usr/lib/x86_64-linux-gnu/$(basename "$library")" > /dev/null
  done
  buildah commit -q --rm "$from" "$builder" > /dev/null
fi

rm -rf "$build/context" && mkdir -p "$build/context/dist" "$build/context/deploy"
cp deploy/requirements.txt "$build/context/deploy/"
"$1" -m pip wheel --quiet --no-deps --wheel-dir "$build/context/dist" .
# Debian 12, on which the base stands here, has Python 3.11.
"$1" -m pip download --quiet --only-binary=:all: --python-version 3.11 --require-hashes --dest "$build/context/wheels" \
  -r deploy/requirements.txt
version=$(sed -n 's/^VERSION = "\(.*\)"/\1/p' fhir_remission/version.py)
image=localhost/fhir-remission:$version
buildah bud --quiet --isolation chroot --pull-never --network host --build-arg BASE="$base" --build-arg BUILD_BASE="$builder" --build-arg VERSION="$version" \
  --format docker -f deploy/Containerfile -t "$image" "$build/context" > /dev/null
size() { podman image inspect --format '{{.Size}}' "$1"; }
above=$((($(size "$image") - $(size "$base")) / 1000000))
echo "image: $above MB above its base"
[ "$above" -le 80 ] || { echo "more than 80 MB"; exit 1; }
podman image inspect --format '{{index .Labels "org.opencontainers.image.version"}} {{.User}}' "$image" | grep -qx "$version 65532:65532"
podman image inspect --format '{{.HealthCheck.Test}}' "$image" | grep -q health/live

folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
mkdir "$folder/settings" "$folder/data"
chown 65532:65532 "$folder/data" && chmod 700 "$folder/data"
# As a cluster would have it: nothing to write but the volume, no capability, no way to more.
strict=(--rm --no-healthcheck --network host --read-only --cap-drop all --security-opt no-new-privileges --tmpfs /tmp)
run() { podman run "${strict[@]}" -v "$folder/settings:/etc/fhir-remission:ro" -v "$folder/data:/var/lib/fhir-remission" "$@"; }

podman run "${strict[@]}" "$image" version | grep -qx "fhir-remission $version"
podman run "${strict[@]}" "$image" demo > "$folder/demo.txt"
grep -q "0 writes" "$folder/demo.txt"
echo "image: the demo runs read-only, without capabilities"

"$1" -m fhir_remission rehearse --site "$folder/settings/site.toml" > "$folder/server.txt" &
server=$!
for _ in $(seq 60); do grep -q '^kind = "repository"' "$folder/server.txt" && break; sleep 1; done
chgrp 65532 "$folder/settings/site.toml" && chmod 640 "$folder/settings/site.toml"
run "$image" key new /var/lib/fhir-remission/site.key > /dev/null
export_paths=(-e FHIR_REMISSION__SITE__KEY_FILE=/var/lib/fhir-remission/site.key -e FHIR_REMISSION__AUDIT__FILE=/var/lib/fhir-remission/audit.jsonl
  -e FHIR_REMISSION__STATE__URL=sqlite:////var/lib/fhir-remission/state.db)
run "${export_paths[@]}" "$image" sync --config /etc/fhir-remission/site.toml --output /var/lib/fhir-remission/lines.ndjson 2> "$folder/log.txt" || { tail -3 "$folder/log.txt"; exit 1; }
[ "$(wc -l < "$folder/data/lines.ndjson")" = 20 ]
echo "image: a run over 20 patients"

# What goes wrong is one line that names file or key, code 2.
refused() {  # refused WORDS ARGUMENTS...
  local words=$1 code=0; shift
  "$@" > "$folder/out.txt" 2> "$folder/err.txt" || code=$?
  if [ "$code" != 2 ] || ! grep -q "$words" "$folder/err.txt" || [ "$(wc -l < "$folder/err.txt")" != 1 ]; then
    echo "not refused as it should be ($code): $words"; cat "$folder/err.txt"; exit 1
  fi
  echo "image: $(cat "$folder/err.txt")"
}
sync=(sync --config /etc/fhir-remission/site.toml)
refused "no settings file" run "$image" sync --config /etc/fhir-remission/missing.toml
refused "site.key" run "$image" "${sync[@]}"
refused "site.timezone" run "${export_paths[@]}" -e FHIR_REMISSION__SITE__TIMEZONE=Europe/Berlim "$image" "${sync[@]}"
refused "state" run "${export_paths[@]}" -e FHIR_REMISSION__STATE__URL=sqlite:////etc/fhir-remission/state.db "$image" "${sync[@]}"
refused "site.toml" run "${export_paths[@]}" --user 12345:12345 "$image" "${sync[@]}"
chmod 644 "$folder/settings/site.toml"
refused "var/lib/fhir-remission" run "${export_paths[@]}" --user 12345:12345 "$image" "${sync[@]}"

# SIGTERM ends a run that waits, within seconds, with 143.
podman run "${strict[@]}" --name remission-term-$$ -d "$image" rehearse > /dev/null
sleep 3
start=$SECONDS
podman stop --time 20 remission-term-$$ > /dev/null
[ $((SECONDS - start)) -lt 10 ] || { echo "SIGTERM took too long"; exit 1; }
echo "image: SIGTERM is heard"

# `serve` with what the image has: ready, healthy by its own check, ended by SIGTERM with nothing lost.
# Its loopback is its own, so the port is free.
podman run --rm --no-healthcheck --network none --read-only --cap-drop all --security-opt no-new-privileges --tmpfs /tmp -d \
  --name remission-serve-$$ -v "$folder/settings:/etc/fhir-remission:ro" -v "$folder/data:/var/lib/fhir-remission" \
  "${export_paths[@]}" "$image" serve --config /etc/fhir-remission/site.toml > /dev/null
mapfile -t check < <(podman image inspect --format '{{range slice .HealthCheck.Test 1}}{{println .}}{{end}}' "$image" | sed '/^$/d')
for _ in $(seq 60); do podman exec remission-serve-$$ "${check[@]}" 2> /dev/null && break; sleep 0.5; done
podman exec remission-serve-$$ "${check[@]}" || { podman logs remission-serve-$$ | tail -3; exit 1; }
podman stop --time 30 remission-serve-$$ > /dev/null
echo "image: serve is healthy by the image's own check"

sbom=$build/fhir-remission-$version.image.cdx.json
"$1" -m venv "$folder/locked" && "$folder/locked/bin/python" -m pip install --quiet --require-hashes -r deploy/requirements.txt
"$folder/locked/bin/python" -m pip install --quiet --no-deps "$build"/context/dist/*.whl
"$folder/locked/bin/python" -m pip uninstall --quiet --yes pip setuptools
"$3" environment --output-reproducible --output-format JSON --output-file "$folder/wheel.cdx.json" \
  --pyproject pyproject.toml --mc-type application "$folder/locked/bin/python"
podman run "${strict[@]}" --entrypoint dpkg-query "$image" -W -f '${Package} ${Version} ${Architecture}\n' |
  "$1" tests/lanes/image_sbom.py "$folder/wheel.cdx.json" "$version" > "$sbom"
for name in fhir-remission falcon psycopg libc6; do grep -q "\"name\": \"$name\"" "$sbom" || { echo "SBOM: no $name"; exit 1; }; done
rm -f "$build/fhir-remission-$version.oci.tar"
podman save --quiet --format oci-archive -o "$build/fhir-remission-$version.oci.tar" "$image" > /dev/null
echo "image: archive of $(du -m "$build/fhir-remission-$version.oci.tar" | cut -f1) MB, SBOM of $(grep -c '"purl"' "$sbom") components"
