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

# Measured on nuclei: narrower windows lose pixels of large objects, wider ones dim objects beside bright ones.
_OBJECTS_AROUND = 5
_WIDEST_PX = 400
# So many windows lie side by side at least: a window as wide as the plane evens out nothing.
_WINDOWS = 2
_ROUNDS = 2


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
        from napari_pseudolabel.labels.thresholding import threshold_of, typical_size_px

        planes = []
        for plane in looked_at(image, channel):
            control.check()
            planes.append(plane if factor == 1 else resample(plane, factor))
        options, scheme = self.options, scheme_for(self.options.classes)

        def found(around_px: int) -> tuple[Threshold, float | None]:
            threshold = threshold_of(planes, options.contrast, options.smoothing_px, around_px)
            numbered = []
            for plane in planes:
                control.check()
                numbered.append(threshold.instances(plane, scheme))
            return threshold, typical_size_px(numbered)

        threshold, size_px = found(0)
        if options.even_out and size_px is not None:
            # In uneven light half of the plane may be one object, so what is found is measured again.
            widest = min(_WIDEST_PX, *(min(plane.shape) // _WINDOWS for plane in planes))
            for _ in range(_ROUNDS):
                threshold, size_px = found(
                    min(round(_OBJECTS_AROUND * (size_px or widest)), widest) // 2 * 2 + 1
                )
        return replace(self, threshold=threshold, size_px=size_px)

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
