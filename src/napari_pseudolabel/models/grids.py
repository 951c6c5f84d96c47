"""Between the pixel grids and the intensities of two models, and of a model and an image."""

from __future__ import annotations

from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.models.cards import Card, Modality


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


def limits_for(card: Card, of_layer: IntensityRange) -> IntensityRange:
    """The raw values that become 0 and 1 in a model: its own where the card names them, else those of the layer."""
    if card.normalisation.kind == "range":
        return IntensityRange(card.normalisation.low, card.normalisation.high)
    if card.normalisation.kind == "none":
        return IntensityRange(0.0, 1.0, clip=False)
    return of_layer
