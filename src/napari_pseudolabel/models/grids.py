"""Between the pixel grids and the intensities of two models, and of a model and an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.imaging import Intensities, IntensityRange, Need
from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.models.families import family_named


def magnification(made: Modality | None, wanted: Modality | None) -> float:
    """Pixels on the grid of a segmenter that wants `wanted` per pixel of a translator that makes `made`.

    From the pixel sizes if both are known, else from the object sizes, else 1.
    """
    if made is None or wanted is None:
        return 1.0
    if made.pixel_size_um and wanted.pixel_size_um:
        return made.pixel_size_um / wanted.pixel_size_um
    if made.object_size_px and wanted.object_size_px:
        return wanted.object_size_px / made.object_size_px
    return 1.0


def sizes_of(modality: Modality | None) -> tuple[float | None, float | None]:
    """Pixel size in um and object size in pixels on the grid of a modality, as `Scale.to_model` takes them."""
    return (None, None) if modality is None else (modality.pixel_size_um, modality.object_size_px)


def need_of(card: Card) -> Need:
    """Return what a model must know of a layer.

    A range that was concluded from the program that trained the model, and that nobody wrote into its card, is the one
    of the images that this program reads; see `Need.usual`.
    """
    said = card.normalisation
    concluded = "normalisation" in (*card.inferred, *card.assumed)
    return Need(said.kind, said.low, said.high, usual=said.kind == "range" and concluded)


def limits_for(card: Card, of_layer: IntensityRange | Intensities) -> IntensityRange:
    """Return the raw values that become 0 and 1 in a model, as its card says.

    Where only a range of the layer is known, it stands for the percentiles.
    """
    need = need_of(card)
    if isinstance(of_layer, Intensities):
        return of_layer.limits(need)
    fixed = need.fixed("f4")
    if fixed is None and need.usual:
        return need.of_values(np.array([of_layer.low, of_layer.high], np.float32), "f4")
    return of_layer if fixed is None else fixed


def as_raw(translation: NDArray[np.float32], card: Card) -> NDArray[np.float32]:
    """Bring translated values in [0, 1] to the raw values a segmenter was trained on."""
    if card.normalisation.kind == "range":
        low, high = card.normalisation.low, card.normalisation.high
        return translation * np.float32(high - low) + np.float32(low)
    return translation * np.float32(family_named(card.family).brightest)


def limits_of_translations(need: Need) -> IntensityRange:
    """Return which raw values, as `as_raw` makes them, become 0 and 1 in a segmenter."""
    if need.kind == "range":
        return IntensityRange(need.low, need.high)
    return IntensityRange(0.0, 1.0, clip=need.kind != "none")
