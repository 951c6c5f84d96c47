"""What is known about the size of things in an image besides what its file says; remembered with the layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.options import read, written
from napari_pseudolabel.strategies import FoundScale
from napari_pseudolabel.viewer.file_facts import file_facts
from napari_pseudolabel.viewer.image_layers import object_size_of

if TYPE_CHECKING:
    from napari.layers import Layer

SIZE_KEY = "napari_pseudolabel_size"
Grid = tuple[float | None, float | None]
"""Pixel size in um and object size in pixels of the model that sees an image first; None where unknown."""
How = Literal["", "file", "image", "drawn", "set"]


@dataclass(frozen=True)
class KnownSize:
    """What was said, drawn or found about one image.

    Attributes
    ----------
    scale
        What a person has chosen, or the metadata say, or the file where napari did not ask it; empty for what the layer says, or
        what was found.
    how
        Where `scale` comes from: empty, the file, the metadata of the image, drawn across an object, or set by a person.
    grid
        What a magnification counts on.
    found
        What the models found, by their names.
    """

    scale: Scale = Scale()
    how: How = ""
    grid: Grid = (None, None)
    found: Mapping[str, FoundScale] = field(default_factory=dict)

    def with_found(self, models: str, found: FoundScale) -> KnownSize:
        """Return the same with what some models found."""
        return replace(self, found={**self.found, models: found})

    def on(self, grid: Grid) -> tuple[Scale, bool]:
        """Return the scale for a model with another grid, and whether that is sure.

        A magnification follows the pixel sizes of the two models, else the sizes of their objects; where neither is known of both, it stays
        as it is, and is not sure. An object size that only the metadata tell is left out for a model that does not say its own.
        """
        scale, (pixel, thing), (old_pixel, old_thing) = self.scale, grid, self.grid
        if (self.how == "image" and thing is None) or (self.how == "file" and pixel is None):
            return Scale(), True
        if scale.factor is None or grid == self.grid or self.grid == (None, None):
            return scale, True
        if pixel and old_pixel:
            return Scale(factor=scale.factor * old_pixel / pixel), True
        if thing and old_thing:
            return Scale(factor=scale.factor * thing / old_thing), True
        return scale, False


def known_size(layer: Layer) -> KnownSize:
    """Return what is known about the size of things in an image."""
    noted = _noted(layer)
    if noted is not None and (noted.how or noted.scale != Scale()):
        return noted
    if pixel := file_facts(layer).pixel_size_um:
        # Also where models have found something before the file was asked.
        return KnownSize(Scale(pixel_size_um=pixel), "file", found=noted.found if noted is not None else {})
    if noted is not None:
        return noted
    size = object_size_of(layer)
    return KnownSize() if size is None else KnownSize(Scale(object_size_px=size), "image")


def _noted(layer: Layer) -> KnownSize | None:
    noted = layer.metadata.get(SIZE_KEY)
    try:
        return _read(noted) if isinstance(noted, dict) else None
    except (InputError, TypeError, ValueError, KeyError):
        return None  # written by another version, or by somebody else: asked again


def note_size(layer: Layer, known: KnownSize) -> None:
    """Remember it with the layer, in a form that a session can hold."""
    layer.metadata[SIZE_KEY] = {
        "scale": written(known.scale),
        "how": known.how,
        "grid": list(known.grid),
        "found": {models: written(found) for models, found in known.found.items()},
    }


def forget_size(layer: Layer) -> None:
    """Know again only what the metadata of an image say by themselves."""
    layer.metadata.pop(SIZE_KEY, None)


def _read(noted: Mapping[str, Any]) -> KnownSize:
    pixel, thing = noted["grid"]
    found = {str(models): read(FoundScale, one) for models, one in noted["found"].items()}
    return KnownSize(read(Scale, noted["scale"]), noted["how"], (pixel, thing), found)
