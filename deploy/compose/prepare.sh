#!/bin/sh
# The secrets of a first evening, beside this file: a password nobody knows, and the address of the state.
# The user of the containers reads them, so the folder and not the file keeps others out.
set -eu
cd "$(dirname "$0")"
chmod 700 .
if [ -e postgres-password ]; then echo "postgres-password is there already: kept"; exit 0; fi
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '%s' "$password" > postgres-password
printf 'postgresql+psycopg://remission:%s@database/remission' "$password" > state-url
chmod 644 postgres-password state-url load.py site.toml
echo "next: docker compose up --detach database hapi"
