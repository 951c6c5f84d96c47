"""What the file of a layer says that napari did not ask it: how large pixels are, which axes they have, and what is white.

napari's own reader takes the values of a TIFF file and leaves its metadata; readers of plugins bring them along.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import read
from napari_pseudolabel.imaging.addresses import address_of
from napari_pseudolabel.imaging.image import finest
from napari_pseudolabel.viewer.image_layers import placement_of, source_path

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels, Layer
    from numpy.typing import NDArray

    from napari_pseudolabel.imaging import Image

FILE_KEY = "napari_pseudolabel_file"
_SAMPLE_PX = 64
# Of a plane that is compared: of some files all of it is decoded for any of its pixels.
_MOST_BYTES = 2**28
_INVERTED = (
    "Its file says that 0 is white, so other programs show it inverted, and so does “pseudolabel label”. What is seen here is what is "
    "labelled; open its folder under Many images to have it as they do."
)
_OTHER = "Its file, read as it says, has other values than this layer. What is seen here is what is labelled."
_ALPHA = (
    "Its file is a grey image with transparency, which napari opened as a stack of thin planes; open its folder under Many images, or save "
    "it without transparency."
)
_TABLE = "Its file has a table of colours, and the layer shows the numbers in it as grey. What is seen here is what is labelled."


@dataclass(frozen=True)
class FileFacts:
    """What a file says about a layer that was read from it.

    Attributes
    ----------
    pixel_size_um
        Side of a pixel in micrometres; None where it says none.
    problem
        Why no one number tells the size of its pixels, one sentence; empty where that is not so.
    axes
        A letter for each axis of the layer, without colours, where the file names them; else empty.
    differs
        How the layer shows something else than the file, a sentence or two; empty where it does not.
    channel_names
        Of its channels, where the file tells them.
    """

    pixel_size_um: float | None = None
    problem: str = ""
    axes: str = ""
    differs: str = ""
    channel_names: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FileQuestion:
    """What a file is asked, in another thread than that of the window.

    Attributes
    ----------
    shape, rgb
        Of the layer, at its full resolution.
    sample
        Some of its pixels: the middle of its first plane.
    """

    path: Path
    shape: tuple[int, ...]
    rgb: bool
    data: Any

    def answer(self) -> FileFacts:
        """Read what the file says; nothing where it cannot be read, or is not what the layer shows."""
        try:
            return self._compared(read(self.path))
        except (
            Exception
        ):  # decoders, and readers that napari has, raise whatever they like: nobody asked for this
            return FileFacts()

    def _compared(self, image: Image) -> FileFacts:
        found, coloured = tuple(image.data.shape), image.axes.endswith("S")
        if found == self.shape[:-1] and self.shape[-1] == 2:
            return FileFacts(differs=_ALPHA)
        table = coloured and not self.rgb and found[:-1] == self.shape
        # Of RGB with transparency the first three are compared.
        shape = found[:-1] == self.shape[:-1] if coloured and self.rgb else found == self.shape
        if not (table or shape):
            return FileFacts()
        pixel, problem = None, ""
        try:
            pixel = image.placement.pixel_size_um()
        except InputError as error:
            problem = str(error)
        letters = image.axes.removesuffix("S")
        return FileFacts(
            pixel,
            problem,
            # Planes that nobody has named may be channels, which the dock asks about.
            letters if "C" in letters or "T" in letters else "",
            _TABLE if table else _difference(self.data, image),
            image.channel_names,
        )


def question_for(layer: ImageLayer | Labels) -> FileQuestion | None:
    """Return what to ask the file of a layer; None where it was asked, there is none, or the layer tells lengths itself."""
    path = source_path(layer)
    if path is None or address_of(path) is not None or FILE_KEY in layer.metadata:
        return None
    try:
        if placement_of(layer).pixel_sides_um() is not None:
            return None
    except InputError:
        return None  # it lies askew, and tells lengths
    data = finest(layer.data)
    return FileQuestion(Path(path), tuple(data.shape), bool(getattr(layer, "rgb", False)), data)


def note_file_facts(layer: Layer, facts: FileFacts) -> None:
    """Remember with a layer what its file says, and name its axes where nobody has."""
    layer.metadata[FILE_KEY] = asdict(facts)
    unnamed = all(label.lstrip("-").isdecimal() for label in layer.axis_labels)
    if facts.axes and unnamed and len(facts.axes) == layer.ndim:
        layer.axis_labels = tuple(facts.axes.lower())


def file_facts(layer: Layer) -> FileFacts:
    """Return what the file of a layer is known to say."""
    noted = layer.metadata.get(FILE_KEY)
    if isinstance(noted, Mapping):
        try:
            return FileFacts(**noted)
        except TypeError:  # written by another version
            pass
    return FileFacts()


def _difference(data: Any, image: Image) -> str:
    """Say how pixels of a layer are not those of its file; of very large planes nobody looks."""
    if math.prod(data.shape[-3:]) * np.dtype(data.dtype).itemsize > _MOST_BYTES:
        return ""
    seen, told = (_sample(one, image.axes.endswith("S")) for one in (data, image.data))
    if np.allclose(seen, told, equal_nan=True):
        return ""
    return _INVERTED if np.allclose(1 - seen, told, equal_nan=True) else _OTHER


def _sample(data: Any, colours: bool) -> NDArray[np.float64]:
    """Return the middle of the first plane, of colours red, green and blue; brought to 0 and 1, as all that look at images bring them."""
    last = 3 if colours else 2
    sides = data.shape[len(data.shape) - last :][:2]
    first = [max(0, (side - _SAMPLE_PX) // 2) for side in sides]
    middle = *(slice(one, one + _SAMPLE_PX) for one in first), *((slice(3),) if colours else ())
    pixels = np.asarray(data[(0,) * (len(data.shape) - last) + middle]).astype(np.float64)
    low, high = (np.nanmin(pixels), np.nanmax(pixels)) if np.isfinite(pixels).any() else (0.0, 1.0)
    found: NDArray[np.float64] = (pixels - low) / ((high - low) or 1.0)
    return found
