"""deploy/engines/mirth: the form of the channel, and what its script makes of each status."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET

import pytest

from fhir_remission.service.request.refusals import _TABLE
from tests.engines.packages import DEPLOY

pytestmark = pytest.mark.server
CHANNEL = ET.parse(DEPLOY / "mirth/channel.xml").getroot()
# Classes of 4.5.2: the API takes any other name as well and fails when the channel is deployed.
CLASSES = {
    "com.mirth.connect.connectors.http.HttpReceiverProperties",
    "com.mirth.connect.connectors.http.HttpDispatcherProperties",
    "com.mirth.connect.plugins.datatypes.raw.RawDataTypeProperties",
    "com.mirth.connect.plugins.datatypes.raw.RawBatchProperties",
    "linked-hash-map",
}


def test_every_class_is_one_of_its_own() -> None:
    """And each transformer has the properties without which it cannot be opened."""
    assert {one.get("class") for one in CHANNEL.iter() if one.get("class")} == CLASSES
    transformers = [*CHANNEL.iter("transformer"), *CHANNEL.iter("responseTransformer")]
    assert len(transformers) == 3
    for one in transformers:
        assert one.find("inboundProperties") is not None
        assert one.find("outboundProperties") is not None
    assert {one.get("version") for one in CHANNEL.iter() if one.get("version")} == {"4.5.2"}
    assert str(CHANNEL.findtext(".//contextPath")).endswith("/")


def test_what_is_sent_again_is_what_may_be() -> None:
    """Each status of the service, by the script as it stands in the file."""
    script = CHANNEL.findtext(".//responseTransformer//script")
    statuses = sorted({row.status for row in _TABLE} | {200, 401, 403, 404, 406, 413, 415, 500, 0})
    program = (
        "const out = {}; const ERROR = 'ERROR';"
        f"for (const code of {json.dumps(statuses)}) {{"
        "  let responseStatus = code >= 400 || !code ? 'QUEUED' : 'SENT', responseStatusMessage;"
        "  const line = code ? `HTTP/1.1 ${code} Some Words` : null;"
        "  const connectorMap = new Map([['responseStatusLine', line]]);"
        f"  (() => {{ {script}\n }})();"
        "  out[code] = responseStatus; } console.log(JSON.stringify(out));"
    )
    done = subprocess.run(
        ["node", "-e", program], capture_output=True, text=True, check=True, timeout=60
    )
    found = {int(code): status for code, status in json.loads(done.stdout).items()}

    assert {code for code, status in found.items() if status == "QUEUED"} == {0, 503, 504}
    assert {code for code, status in found.items() if status == "SENT"} == {200}
