"""For servers of one's own: `application` is a WSGI application by FHIR_REMISSION_CONFIG.

gunicorn 'fhir_remission.service.running.wsgi:application()' does it too; `fhir-remission serve`
adds the limits of time for slow clients, and looks that nobody serves strangers by mistake.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fhir_remission.effects.process.environment import environment
from fhir_remission.effects.process.logs import configure_logs
from fhir_remission.service.answering.site import ServedSite
from fhir_remission.service.running.app import application as application_of


def application(config: str = "") -> Any:
    """The WSGI application of a settings file.

    Raises:
        SettingsError: the settings cannot be served.
    """
    name = config or environment().get("FHIR_REMISSION_CONFIG", "site.toml")
    site = ServedSite(Path(name))
    log = site.settings.log
    configure_logs(style=log.format, level=log.level, run_id=site.run_id)
    site.open()
    return application_of(site)
