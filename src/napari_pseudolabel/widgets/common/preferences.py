"""Settings of the plugin in napari's Preferences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_pseudolabel.engine import Connection

_PLUGIN = "napari-pseudolabel"


def connection() -> Connection:
    """Where jobs run, as the person has set it.

    Raises
    ------
    InputError
        If the settings contradict each other or name files that are not there.
    """
    from napari.settings import get_plugin_settings

    made: Any = get_plugin_settings(_PLUGIN)  # of a class that napari makes from the manifest
    settings = made.cluster
    paths = (settings.tls_ca_file, settings.tls_cert, settings.tls_key)
    ca, certificate, key = (Path(path).expanduser() if path else None for path in paths)
    return Connection(settings.scheduler.strip() or None, ca, certificate, key)
