"""What the images of a folder show, as a person has said once of one of them; the docks share this."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pseudolabel.models.fitting import ANOTHER
from napari_pseudolabel.viewer.image_layers import modality_of, source_path
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices

if TYPE_CHECKING:
    from napari.layers import Layer

_WHAT = "modality"


def said_of_folder(layer: Layer, recent: RecentChoices) -> str:
    """Return what the person has said of the folder of an image; what the image says itself goes before it.

    Returns
    -------
    str
        A modality, or `models.fitting.ANOTHER`; empty if nothing was said, or the image is of no file.
    """
    folder = _folder(layer)
    return recent.of_folder(_WHAT, folder) if folder else ""


def shown_by(layer: Layer, known: Iterable[str], recent: RecentChoices) -> str:
    """Return what an image shows, as it says itself or as the person has said of its folder; empty if nobody knows.

    Parameters
    ----------
    known
        Modalities that can be told by a name.
    """
    said = said_of_folder(layer, recent)
    return modality_of(layer, known) or ("" if said == ANOTHER else said)


def say_of_folder(layer: Layer, recent: RecentChoices, modality: str) -> None:
    """Remember what the person says of an image for the others of its folder."""
    if folder := _folder(layer):
        recent.remember_folder(_WHAT, folder, modality)


def _folder(layer: Layer) -> str:
    """Where the file of an image lies; empty if it has none."""
    path = source_path(layer)
    return str(Path(path).parent.absolute()) if path else ""
