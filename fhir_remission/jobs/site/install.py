"""What a site needs on its machine before the first run: settings, and files for its scheduler."""

from __future__ import annotations

from pathlib import Path

from fhir_remission.effects.files.private_file import make_once, not_written
from fhir_remission.errors import SettingsError
from fhir_remission.settings.reference import commented


def first_settings(file: Path) -> None:
    """Write a settings file in which each key is explained, where nothing has its name."""
    try:
        make_once(file, "".join(f"{line}\n" for line in commented()).encode())
    except FileExistsError:
        raise SettingsError(
            f"{file} is there already: move it away, or give another name"
        ) from None
    except OSError as error:
        raise not_written(file, error) from None
