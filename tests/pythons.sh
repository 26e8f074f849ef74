#!/usr/bin/env bash
# The front door on other Pythons than that of .venv: pythons.sh FOLDER [VERSION...].
# Of those that nobody asked for by name, one that is not on this machine is told and passed over.
set -euo pipefail
folder=$1
shift
asked=$*
for version in ${asked:-3.12 3.13 3.14}; do
  python=""
  for one in "python$version" "$HOME/.pyenv/versions/$version".*/bin/python; do
    if "$one" -c "" > /dev/null 2>&1; then python=$one; fi
  done
  if [ -z "$python" ]; then
    echo "Python $version: not on this machine"
    [ -z "$asked" ] || exit 1
    continue
  fi
  venv=$folder/$version
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --upgrade "pip>=25.1"
  "$venv/bin/python" -m pip install --quiet --editable '.[frames,service]' jsonschema pytest pytest-timeout hypothesis
  "$venv/bin/python" -W error::SyntaxWarning -m compileall -q -f fhir_remission
  "$venv/bin/python" -m pytest -q -p no:cacheprovider tests/test_front_door.py tests/test_cases.py
  "$venv/bin/fhir-remission" demo > "$venv/demo.txt"
  grep -q "0 writes" "$venv/demo.txt"
  echo "Python $version: the front door, the cases and the demo are right"
done
