"""Labels of translations, as a segmenter makes them: by these a fast version is compared with its translator."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import resample_to
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.models.families import family_named
from napari_pseudolabel.models.grids import as_raw, limits_of_translations, magnification
from napari_pseudolabel.models.segmenters.base import Segmenter, of_limits
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.common.training_events import Score
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.segmenter.validation import score

if TYPE_CHECKING:
    from torch import Tensor

# A plane is looked at as it is, mirrored either way, and turned: as a run does unless it is told otherwise.
_MIRRORS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))

Plane = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LabelJudge:
    """Labels planes of a modality.

    Attributes
    ----------
    made
        What translators make, on whose grid the planes are.
    control
        Can cancel; hears nothing.
    """

    segmenter: Segmenter
    made: Modality | None
    device: str
    control: Control = Control()

    @property
    def classes(self) -> dict[str, int]:
        """Value of each class by name, without the background."""
        return {one.name: one.value for one in self.segmenter.classes if one.value}

    def labels(self, looks: Sequence[Plane]) -> NDArray[np.uint8]:
        """Return class values on the grid of the segmenter; see `probabilities`."""
        return self.segmenter.labels(self.probabilities(looks))

    def probabilities(self, looks: Sequence[Plane]) -> NDArray[np.float32]:
        """Return the mean probabilities of several translations of the same image.

        Parameters
        ----------
        looks
            (H, W) float32 in [0, 1] each.

        Returns
        -------
        ndarray
            (C, h, w) float32, on the grid of the segmenter.
        """
        total: NDArray[np.float32] | None = None
        many = len(looks) >= len(_MIRRORS)  # then every mirror is seen, though of each look only one
        for number, look in enumerate(looks):
            height, width = (max(1, round(side * self.step)) for side in look.shape)
            own = as_raw(resample_to(look, (height, width)), self.segmenter.card)
            for axes in (_MIRRORS[number % len(_MIRRORS)],) if many else _MIRRORS:
                found = np.flip(self._probabilities(np.ascontiguousarray(np.flip(own, axes))), axes)
                total = found if total is None else total + found
        assert total is not None
        return np.asarray(total / np.float32(len(looks) * (1 if many else len(_MIRRORS))))

    @property
    def step(self) -> float:
        """Pixels of the grid of the segmenter per pixel of a translation."""
        return magnification(self.made, self.segmenter.card.source)

    def reader(self) -> Callable[[Tensor], Tensor] | None:
        """Return what makes logits (B, C, H, W) of translations (B, 1, H, W) in [0, 1] and hands gradients back.

        None for families whose networks cannot be trained here: those are only asked for labels.
        """
        import torch.nn.functional as F

        card, step = self.segmenter.card, self.step
        if not family_named(card.family).trains or self.segmenter.channels != 1:
            return None
        # A family that trains has a network, which takes what lies between the limits as 0 to 1. A copy: it may be at work elsewhere.
        network = (
            copy.deepcopy(cast(Any, self.segmenter).network).requires_grad_(False).eval().to(self.device)
        )

        def read(translations: Tensor) -> Tensor:
            if step == 1:
                logits: Tensor = network(translations)
                return logits
            size = translations.shape[-2:]
            stride = cast(Any, self.segmenter).architecture.stride
            own = [max(1, round(side * step / stride)) * stride for side in size]
            found: Tensor = network(F.interpolate(translations, own, mode="bilinear", antialias=True))
            return F.interpolate(found, size, mode="bilinear")

        return read

    def compared(
        self, sources: Sequence[LabelledPlane], translation: Callable[[Plane], Plane], step: int
    ) -> Score:
        """Return how well the labels of translations agree with those that the images have, over all of them together."""
        return score(sources, lambda image: self.labels([translation(image)]), self.classes, step)

    def _probabilities(self, raw: Plane) -> NDArray[np.float32]:
        segmenter = self.segmenter
        # What a family must know of the layer beyond limits, or where it brings images to a grid of its own, it finds in the plane.
        plain = not segmenter.need.moments and segmenter.zoom == (1.0, 1.0)
        return segmenter.probabilities(
            raw,
            settings=TileSettings(device=self.device),
            control=Control(cancelled=self.control.cancelled),
            part=of_limits(limits_of_translations(segmenter.need)) if plain else None,
        )
