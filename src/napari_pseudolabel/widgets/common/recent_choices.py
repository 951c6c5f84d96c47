"""What a person chose last, kept between sessions."""

from __future__ import annotations

import json
import os
from pathlib import Path

from platformdirs import user_config_path
from qtpy.QtCore import QSettings


class RecentChoices:
    """A small file of the last choices.

    Parameters
    ----------
    path
        The file; by default ``docks.ini`` in the user's configuration folder of the plugin.
    """

    _MOST_RECENT = 6
    _MOST_FOLDERS = 200

    def __init__(self, path: Path | None = None) -> None:
        folder = user_config_path("napari-pseudolabel", appauthor=False)
        path = path or folder / "docks.ini"
        # Without a file, choices last until the end: Qt would wait for ever for a pipe.
        plain = path.is_file() or not os.path.lexists(path)
        self._settings = QSettings(str(path) if plain else "", QSettings.Format.IniFormat)

    def last(self, what: str) -> str | None:
        """Return the value remembered for `what`, None if there is none."""
        value = self._settings.value(f"last/{what}")
        return str(value) if value else None

    def remember(self, what: str, value: str | None) -> None:
        """Keep a value for `what`."""
        if value:
            self._settings.setValue(f"last/{what}", value)
            self._settings.sync()

    def of_folder(self, what: str, folder: str) -> str:
        """Return what was answered about the files of a folder; empty if nothing was."""
        return self._folders(what).get(folder, "")

    def remember_folder(self, what: str, folder: str, value: str) -> None:
        """Keep an answer about the files of a folder; of very many folders, those answered last."""
        found = self._folders(what)
        found.pop(folder, None)
        kept = list({**found, folder: value}.items())[-self._MOST_FOLDERS :]
        self._settings.setValue(f"folders/{what}", json.dumps(kept))
        self._settings.sync()

    def _folders(self, what: str) -> dict[str, str]:
        try:
            return {
                str(folder): str(value)
                for folder, value in json.loads(str(self._settings.value(f"folders/{what}")))
            }
        except (ValueError, TypeError):
            return {}  # nothing yet, or somebody has edited the file

    def forget(self, what: str) -> None:
        """Keep nothing for `what`."""
        self._settings.remove(f"last/{what}")
        self._settings.sync()

    def recent(self, what: str) -> list[str]:
        """Paths used lately, the newest first, without those that no longer exist."""
        value = self._settings.value(f"recent/{what}") or []
        paths = [value] if isinstance(value, str) else [str(path) for path in value]
        return [path for path in paths if Path(path).exists()]

    def add_recent(self, what: str, path: str) -> None:
        """Put a path at the top of those used lately."""
        paths = [path, *(old for old in self.recent(what) if old != path)]
        self._settings.setValue(f"recent/{what}", paths[: self._MOST_RECENT])
        self._settings.sync()
