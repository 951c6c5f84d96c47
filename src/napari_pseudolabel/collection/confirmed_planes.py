"""How often models were right in what a person confirmed, in all images of a workspace: new images profit from it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from napari_pseudolabel.labels.refitting import ConfirmedRegion
from napari_pseudolabel.workspace import Workspace
from napari_pseudolabel.workspace.json_file import JsonFile

_FILE = "confirmed.json"
# So that a run begins at once; the oldest planes go first.
_MOST_REGIONS = 500


class ConfirmedContent(BaseModel):
    """Regions by the key of their plane, in the order in which planes were confirmed last."""

    planes: dict[str, tuple[ConfirmedRegion, ...]] = {}


class ConfirmedPlanes:
    """The confirmed regions of a workspace; several programs may have it open.

    Parameters
    ----------
    workspace
        Its folder holds them, in one file.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._file = JsonFile(workspace.folder / _FILE, ConfirmedContent)

    def keep(self, key: str, regions: Iterable[ConfirmedRegion]) -> None:
        """Keep the regions of a plane instead of those that were known of it.

        Parameters
        ----------
        key
            Of the plane, see `imaging.plane_key`.

        Raises
        ------
        InputError
            When the file cannot be read or written.
        """
        found = tuple(regions)
        if self._file.read().planes.get(key, ()) == found:
            return
        with self._file.changing() as content:
            content.planes.pop(key, None)
            if found:
                content.planes[key] = found[-_MOST_REGIONS:]
            while sum(map(len, content.planes.values())) > _MOST_REGIONS:
                del content.planes[next(iter(content.planes))]

    def regions(self) -> tuple[ConfirmedRegion, ...]:
        """Return all of them; raises as `JsonFile.read` does."""
        return tuple(one for plane in self._file.read().planes.values() for one in plane)
