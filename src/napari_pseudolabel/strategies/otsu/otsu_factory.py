"""The method as a segmenter that is made where it is needed: what it knows of the whole layer travels with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Channel, Image
from napari_pseudolabel.imaging.places import looked_at
from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.strategies.otsu.otsu_options import OtsuOptions

if TYPE_CHECKING:
    from napari_pseudolabel.labels.thresholding import Threshold
    from napari_pseudolabel.models.segmenters.base import Segmenter


@dataclass(frozen=True)
class OtsuFactory:
    """A segmenter after Otsu; see `SegmenterFactory`.

    Attributes
    ----------
    threshold
        Of the layer; None before it was looked at.
    size_px
        Typical diameter of the objects; None where there are none, or before the layer was looked at.
    """

    options: OtsuOptions
    threshold: Threshold | None = None
    size_px: float | None = None
    name: str = "Otsu and watershed"

    def of_layer(self, image: Image, channel: Channel | None, factor: float, control: Control) -> OtsuFactory:
        """Return the same with what decides about its labels, found in the whole layer; see `SegmenterFactory`."""
        from napari_pseudolabel.imaging import resample
        from napari_pseudolabel.labels.objects import scheme_for
        from napari_pseudolabel.labels.thresholding import found_in, typical_size_px

        planes = []
        for plane in looked_at(image, channel):
            control.check()
            planes.append(plane if factor == 1 else resample(plane, factor))
        options = self.options
        threshold, numbered = found_in(
            planes,
            scheme_for(options.classes, image.placement.pixel_aspect),
            options.contrast,
            options.smoothing_px,
            even_out=options.even_out,
            check=control.check,
        )
        return replace(self, threshold=threshold, size_px=typical_size_px(numbered))

    @property
    def card(self) -> Card:
        """What it is, and what it had to assume."""
        size = None if self.size_px is None else Modality(name="", object_size_px=self.size_px)
        return Card(
            kind="segmenter",
            family="monai-unet",
            name=self.name,
            classes=self.options.classes,
            source=size,
            notes=self._notes,
        )

    @property
    def _notes(self) -> tuple[str, ...]:
        known = self.threshold
        if known is None:
            return ()
        kind = self.options.objects
        seen = (
            f"What is {'brighter' if known.bright else 'darker'} than its surroundings was taken for {kind}"
        )
        if self.options.contrast == "auto":
            other = "dark" if known.bright else "bright"
            seen += (
                f", because that side of the grey levels covers less ({100 * known.covered:.0f} %); say that they are {other} "
                "where that is wrong"
            )
        size = "" if self.size_px is None else f" A typical one is {self.size_px:.0f} px wide."
        return (
            f"{seen}.{size}",
            "The confidence says how far a pixel is from the grey level that divides the image; nobody compared it with how "
            "often it is right.",
        )

    def make(self) -> Segmenter:
        """Return the segmenter."""
        from napari_pseudolabel.strategies.otsu.otsu_segmenter import OtsuSegmenter

        return OtsuSegmenter(self.card, "", self.threshold)
