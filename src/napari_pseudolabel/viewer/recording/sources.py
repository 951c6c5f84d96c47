"""The files that images were read from, and opening them again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.viewer.images import image_of, source_path
from napari_pseudolabel.viewer.known import plane_key
from napari_pseudolabel.viewer.recording.plain import SESSION_KEY
from napari_pseudolabel.workspace.sessions import SourceState

if TYPE_CHECKING:
    from napari.layers import Layer


@dataclass(frozen=True)
class Source:
    """Where a layer was read from.

    Attributes
    ----------
    reader
        Name of the plugin that read it; None if unknown.
    position
        Which of its layers, where that is known.
    """

    path: str
    reader: str | None
    position: int | None = None

    @classmethod
    def of(cls, layer: Layer) -> Source | None:
        """The file of an Image layer; None if it has none that could be opened again."""
        mark = layer.metadata.get(SESSION_KEY)
        if mark is not None:
            # napari believes that the file of the session is its source.
            source = mark.get("source")
            return source and cls(source["path"], source["reader"], source["position"])
        path = source_path(layer)
        return None if path is None else cls(path, layer.source.reader_plugin)

    def state(self, position: int, fingerprint: str) -> SourceState:
        """As it is stored."""
        place = position if self.position is None else self.position
        return SourceState(path=self.path, reader=self.reader, position=place, fingerprint=fingerprint)


def fingerprint(layer: Any) -> str:
    """Tells whether the pixels of an Image layer are the same as before; empty if they cannot be read.

    Reads a grid of pixels of the first plane, which takes a while where they are in a file.
    """
    try:
        image = image_of(layer)
        return plane_key(image, next(iter(image.planes())))
    except InputError:
        return ""


def opened(source: SourceState, name: str) -> tuple[Layer | None, str]:
    """The layer of a file as it is now.

    Parameters
    ----------
    name
        Of the image, for the sentence.

    Returns
    -------
    layer, sentence
        No layer if it cannot be opened; the sentence is empty if all is as it was.
    """
    from napari.components import ViewerModel

    if "://" not in source.path and not Path(source.path).exists():
        return None, (
            f"{source.path} is not there any more, so {name} is missing; bring the file back, "
            "or open it from where it is now."
        )
    reading = ViewerModel()
    try:
        found = list(reading.open(source.path, plugin=source.reader))
    except Exception as error:  # whatever a plugin raises at a file
        return None, f"{source.path} cannot be opened ({error}); open {name} by hand."
    images = [layer for layer in found if layer._type_string == "image"]
    reading.layers.clear()
    prints = [fingerprint(layer) for layer in images] if source.fingerprint else []
    if source.fingerprint in prints:
        return images[prints.index(source.fingerprint)], ""
    if source.position >= len(images):
        return None, f"{source.path} holds no {name} any more; open the right file by hand."
    changed = f"{source.path} has changed since {name} was labelled; check that the labels still fit."
    return images[source.position], changed if source.fingerprint else ""
