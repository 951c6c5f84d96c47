"""What a workspace says of itself: its name, when it was begun, and its settings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, Field

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.json_file import JsonFile

FILE = "workspace.json"
_KIND: Final = "napari-pseudolabel workspace"


class _Settings(BaseModel):
    target_quality: float = Field(default=0.9, gt=0, le=1)


class _Content(BaseModel):
    version: Literal[1] = 1
    kind: Literal["napari-pseudolabel workspace"] = _KIND
    name: str = ""
    created: datetime | None = None
    settings: _Settings = _Settings()


class About:
    """``workspace.json`` of a workspace; a workspace without it is as good.

    Parameters
    ----------
    folder
        The workspace.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stored = JsonFile(folder / FILE, _Content)

    @property
    def exists(self) -> bool:
        """Whether the file is there."""
        return self._stored.path.is_file()

    @property
    def name(self) -> str:
        """What the person calls the effort; the name of the folder where nobody said.

        Raises
        ------
        InputError
            When the file is damaged; so do all that follow.
        """
        return self._stored.read().name or self._folder.name

    @property
    def created(self) -> datetime | None:
        """When it was begun, in UTC; None if that is not known."""
        return self._stored.read().created

    @property
    def target_quality(self) -> float:
        """The mean Dice at which the person wants to stop correcting, above 0 and up to 1."""
        return self._stored.read().settings.target_quality

    def write(self, *, name: str | None = None, target_quality: float | None = None) -> None:
        """Change what is given, and leave the rest as it is.

        Raises
        ------
        InputError
            When a value cannot be used, or the file cannot be written.
        """
        if target_quality is not None and not 0 < target_quality <= 1:
            raise InputError(f"A target quality of {target_quality} cannot be reached; choose one up to 1.")
        if name is not None and not name.strip():
            raise InputError("The workspace has no name; give it one.")
        with self._stored.changing() as content:
            content.created = content.created or datetime.now(UTC).replace(microsecond=0)
            content.name = content.name if name is None else name.strip()
            if target_quality is not None:
                content.settings = _Settings(target_quality=target_quality)

    def is_valid(self) -> bool:
        """Whether the file is there and says that this is a workspace."""
        try:
            return self.exists and "kind" in self._stored.read().model_fields_set
        except InputError:
            return False
