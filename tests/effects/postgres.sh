#!/usr/bin/env bash
# Run a command with FHIR_REMISSION_IT_POSTGRES naming a fresh PostgreSQL database on loopback, and
# take the database down again. Needs Debian's `postgresql`; the server refuses to run as root.
set -euo pipefail
BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)
if [ -z "$BIN" ] && [ "$(id -u)" = 0 ]; then
  apt-get install --yes --quiet postgresql >&2 || { apt-get update && apt-get install --yes postgresql; } >&2
  BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
fi
[ -n "$BIN" ] || { echo "PostgreSQL is not installed: apt-get install postgresql" >&2; exit 1; }
FOLDER=$(mktemp -d)
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
stop() { as "$BIN/pg_ctl" -D "$FOLDER/data" -m immediate stop > /dev/null 2>&1 || true; rm -rf "$FOLDER"; }
trap stop EXIT
if [ "$(id -u)" = 0 ]; then chown postgres "$FOLDER"; fi
cd "$FOLDER"
as "$BIN/initdb" -D "$FOLDER/data" -U tester --auth=trust > "$FOLDER/initdb.log"
as "$BIN/pg_ctl" -D "$FOLDER/data" -w -l "$FOLDER/data/server.log" \
  -o "-p $PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories=$FOLDER" start > /dev/null
as "$BIN/createdb" -h 127.0.0.1 -p "$PORT" -U tester state
cd "$OLDPWD"
export FHIR_REMISSION_IT_POSTGRES="postgresql://tester@127.0.0.1:$PORT/state"
"$@"
