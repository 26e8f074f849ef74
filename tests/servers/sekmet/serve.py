"""Runs inside the sekmet environment: sekmet-fhir with the search parameters that it lacks.

Usage: serve.py PORT DATA_DIR [SMART_CLIENTS.json]. Stops when its stdin closes, so it
cannot outlive a killed test run.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import uvicorn
from sekmet.config import Settings, set_settings
from sekmet.fhir.search_params import PARAMS, SearchParam
from sekmet.main import create_app

# sekmet 0.1.1 does not know ClinicalImpression at all: it is missing from the CapabilityStatement
# and its `identifier` cannot be a condition. Plus what the specification lists for Observation.
LACKING = {
    "ClinicalImpression": {
        "identifier": ("token", "identifier"),
        "status": ("token", "status"),
        "subject": ("reference", "subject"),
        "patient": ("reference", "subject", "Patient"),
        "date": ("date", "date"),
        "assessor": ("reference", "assessor"),
        "problem": ("reference", "problem"),
        "previous": ("reference", "previous"),
        "investigation": ("reference", "investigation.item"),
        "supporting-info": ("reference", "supportingInfo"),
        "finding-code": ("token", "finding.itemCodeableConcept"),
    },
    "Observation": {
        "focus": ("reference", "focus"),
        "method": ("token", "method"),
        "device": ("reference", "device"),
    },
}


def register() -> None:
    """Teach sekmet the search parameters it lacks."""
    for kind, lacking in LACKING.items():
        known = PARAMS.setdefault(kind, {})
        for name, (search, paths, *target) in lacking.items():
            one = target[0] if target else None
            known.setdefault(name, SearchParam(name, search, tuple(paths.split("|")), one))


def settings(port: int, data_dir: str, clients: list[dict[str, Any]]) -> Settings:
    """Loopback, strict validation, no simulated hospital; SMART when it has clients."""
    chosen: dict[str, Any] = {
        "base_url": f"http://127.0.0.1:{port}/fhir",
        "host": "127.0.0.1",
        "port": port,
        "data_dir": data_dir,
        "own_private_key_path": str(Path(data_dir) / "own.pem"),
        "log_inbound": False,
        "simulator": {"enabled": False},
        "validation": {"inbound": "strict"},
    }
    if clients:
        chosen["server_auth"] = {"types": ["smart"], "smart_clients": clients}
    return Settings.model_validate(chosen)


def stop_with_stdin() -> None:
    """End the process when whoever started it is gone."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serve until stopped."""
    port, data_dir = int(sys.argv[1]), sys.argv[2]
    clients = json.loads(Path(sys.argv[3]).read_text()) if len(sys.argv) > 3 else []
    register()
    chosen = settings(port, data_dir, clients)
    set_settings(chosen)
    threading.Thread(target=stop_with_stdin, daemon=True).start()
    uvicorn.run(create_app(chosen), host="127.0.0.1", port=port, log_level="warning")


main()
