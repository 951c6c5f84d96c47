"""The files that images were read from, and opening them again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pseudolabel.imaging import images_at
from napari_pseudolabel.imaging.plane_key import plane_key
from napari_pseudolabel.viewer.image_layers import OWN_READER, image_of, source_path
from napari_pseudolabel.viewer.listed_layers import image_layer
from napari_pseudolabel.viewer.recording.plain import SESSION_KEY
from napari_pseudolabel.workspace.sessions import SourceState

if TYPE_CHECKING:
    from napari.layers import Layer

_BUILT_IN = "napari"
# They make arrays and nothing else. "builtins" is what napari called its own before.
_PLAIN_READERS = {_BUILT_IN, "builtins", OWN_READER}


@dataclass(frozen=True)
class LayerSource:
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
    def of(cls, layer: Layer) -> LayerSource | None:
        """Return the file of an Image layer; None if it has none that could be opened again."""
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
    except Exception:  # whatever lazy pixels raise whose file is gone
        return ""


def may_want_window(source: SourceState) -> bool:
    """Whether the reader of a file may make widgets, as those of other plugins do: only the window reads it then."""
    return source.reader not in _PLAIN_READERS


def opened(source: SourceState, name: str) -> tuple[Layer | None, str]:
    """Return the layer of a file as it is now; in the thread of the window for a reader that `may_want_window`.

    The reader is called itself: napari's viewers show a bar of progress around it, which is a widget.

    Parameters
    ----------
    name
        Of the image, for the sentence.

    Returns
    -------
    layer, sentence
        No layer if it cannot be opened; the sentence is empty if all is as it was.
    """
    path = Path(source.path)
    # Anything but files and folders may never end.
    if "://" not in source.path and not (path.is_file() or path.is_dir()):
        return None, (
            f"{source.path} is not there any more{', or no file' if path.exists() else ''}, so {name} is missing; "
            "bring the file back, or open it from where it is now."
        )
    try:
        images = _images_of(source)
    except MemoryError:
        return None, f"{source.path} does not fit into memory; close something, then open {name} by hand."
    except Exception as error:  # whatever a plugin raises at a file
        return None, f"{source.path} cannot be opened ({error}); open {name} by hand."
    prints = [fingerprint(layer) for layer in images] if source.fingerprint else []
    if source.fingerprint in prints:
        return images[prints.index(source.fingerprint)], ""
    if source.position >= len(images):
        return None, f"{source.path} holds no {name} any more; open the right file by hand."
    changed = f"{source.path} has changed since {name} was labelled; check that the labels still fit."
    return images[source.position], changed if source.fingerprint else ""


def _images_of(source: SourceState) -> list[Layer]:
    from napari.layers._source import layer_source
    from napari.plugins.io import read_data_with_plugins

    if (
        source.reader == OWN_READER
    ):  # one of several images of a file, which napari's reader would not tell apart
        return [image_layer(image := one.read(), image.placement, one) for one in images_at(source.path)]
    plugin = _BUILT_IN if source.reader == "builtins" else source.reader
    found, reader = read_data_with_plugins([source.path], plugin=plugin)
    with layer_source(path=source.path, reader_plugin=reader):
        return [layer for data in found or () for layer in _image_layers(data)]


def _image_layers(data: Any) -> list[Layer]:
    """Image layers out of what a reader hands to napari."""
    from napari.layers import Image, Layer
    from napari.layers.utils.stack_utils import split_channels

    if isinstance(data, Layer):
        return [data] if isinstance(data, Image) else []
    rest: list[object] = [{}, "image"]
    pixels, meta, kind = list(data) + rest[len(data) - 1 :]
    if kind != "image":
        return []
    given = {key: value for key, value in meta.items() if key != "channel_axis"}
    if (axis := meta.get("channel_axis")) is None:
        return [Image(pixels, **given)]
    return [Image(part, **its) for part, its, _ in split_channels(pixels, axis, **given)]
