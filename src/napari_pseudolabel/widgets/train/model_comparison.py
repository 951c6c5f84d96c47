"""The old model, the new model and the truth at one place, as small pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.labels.overlaid import overlaid
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.training_jobs import FineTuneJob
from napari_pseudolabel.widgets.common.picture_rows import grey
from napari_pseudolabel.widgets.train.train_context import TrainContext

if TYPE_CHECKING:
    from napari_pseudolabel.strategies import Record, Region

_CROP_PX = 128


@dataclass(frozen=True, eq=False)
class Compared:
    """One place for the old and the new model.

    Attributes
    ----------
    image
        (H, W) float32 in [0, 1].
    before, after, truth
        (H, W) uint8 class values; `before` is None when there was no model before.
    """

    image: NDArray[np.float32]
    before: NDArray[np.uint8] | None
    after: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    classes: tuple[LabelClass, ...]


@dataclass(frozen=True, eq=False)
class Compare:
    """Label the part of a plane where most validation pixels are, by the old and by the new model."""

    plane: AnnotatedPlane
    record: Record
    before: str
    after: str
    title: str = "Comparing the old model with the new one"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models, which a worker elsewhere has to be given."""
        translator = self.record.translator.path if self.record.translator is not None else None
        return tuple(ref for ref in (translator, self.before, self.after) if ref)

    def run(self, control: Control, models: Any) -> Compared:
        """Label the crop with both models."""
        from napari_pseudolabel.imaging import normalise

        region = crop_of(self.plane)
        after = self._label(self.after, region, control, models)
        before = self._label(self.before, region, control, models) if self.before else None
        return Compared(
            normalise(self.plane.image, self.plane.limits)[region.window],
            before.labels[0] if before is not None else None,
            after.labels[0],
            self.plane.labels[region.window],
            after.classes,
        )

    def _label(self, segmenter: str, region: Region, control: Control, models: Any) -> Any:
        from napari_pseudolabel.imaging import Image, Placement
        from napari_pseudolabel.strategies.again import Extent, again

        size = self.plane.pixel_size_um
        placement = Placement((size or 1.0,) * 2, (0.0, 0.0), units=("um", "um") if size else None)
        image = Image(self.plane.image, "YX", placement, self.plane.name, modality=self.plane.modality)
        # The plane is that of the channel, and one look at it is enough.
        settings = replace(self.record.settings, channel=None, samples=1, flips=0)
        job = again(self.record, image, Extent(region), segmenter=segmenter, settings=settings)
        return job.run(control, models)


def crop_of(plane: AnnotatedPlane, side: int = _CROP_PX) -> Region:
    """Return the square of a plane that holds most validation pixels, smaller where the plane is."""
    from scipy.ndimage import uniform_filter

    from napari_pseudolabel.strategies import Region

    height, width = plane.image.shape
    known = (plane.validation & plane.touched).astype(np.float32)
    held = uniform_filter(known, min(side, height, width), mode="constant")
    y, x = np.unravel_index(int(held.argmax()), held.shape)
    y0 = int(np.clip(y - side // 2, 0, max(height - side, 0)))
    x0 = int(np.clip(x - side // 2, 0, max(width - side, 0)))
    return Region(y0, x0, min(y0 + side, height), min(x0 + side, width))


class Comparison:
    """Shows what a training changed, at the place where most validation pixels are."""

    def __init__(self, context: TrainContext) -> None:
        self._context = context
        self._number: int | None = None

    def begin(self, job: FineTuneJob, record: Record, after: str) -> None:
        """Compare the model that a training began with and the one it made.

        Parameters
        ----------
        record
            How the labels were made, which is how both see the image.
        after
            Reference of the new model.
        """
        plane = max(job.planes, key=lambda one: int(np.count_nonzero(one.held_out)), default=None)
        if plane is not None:
            compare = Compare(plane, record, job.segmenter, after)
            self._context.runner.forget(self._number)
            # That it fails is not worth an error: the numbers were told.
            self._number = self._context.runner.submit(compare, lane="label", finished=self._show)

    def _show(self, result: Compared) -> None:
        picture = grey(result.image)
        columns = [("before", result.before), ("after", result.after), ("your labels", result.truth)]
        shown = [(name, labels) for name, labels in columns if labels is not None]
        pictures = [overlaid(picture, labels, result.classes) for _, labels in shown]
        self._context.view.tiles.set_pictures([pictures], [name for name, _ in shown])
