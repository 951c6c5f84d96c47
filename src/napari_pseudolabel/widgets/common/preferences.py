"""Settings of the plugin in napari's Preferences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_pseudolabel.engine import Connection

_PLUGIN = "napari-pseudolabel"


def zoo_files() -> tuple[Path, ...]:
    """Return the person's own zoo file, where one is named."""
    path = _settings().models.zoo.strip()
    return (Path(path).expanduser(),) if path else ()


def connection() -> Connection:
    """Where jobs run, as the person has set it.

    Raises
    ------
    InputError
        If the settings contradict each other or name files that are not there.
    """
    settings = _settings().cluster
    paths = (settings.tls_ca_file, settings.tls_cert, settings.tls_key)
    ca, certificate, key = (Path(path).expanduser() if path else None for path in paths)
    return Connection(settings.scheduler.strip() or None, ca, certificate, key)


def _settings() -> Any:
    """Return an instance of a class that napari makes from the manifest."""
    from napari.settings import get_plugin_settings

    return get_plugin_settings(_PLUGIN)
