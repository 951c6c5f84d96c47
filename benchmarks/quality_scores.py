"""How labels of an image are made by a segmenter, and what they score: alike for every row of `quality.py`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from quality_cases import Case

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange, resample_to
from napari_pseudolabel.labels.metrics import counted, evaluate
from napari_pseudolabel.labels.object_size import least_area
from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.segmenters.base import Segmenter, of_limits
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.ensemble import Segmentation, SegmenterInput, segment_ensemble

# The default, for all methods alike.
INFERENCE = LabelSettings()

Plane = NDArray[np.float32]


def segmented(model: Segmenter, look: Plane, shape: tuple[int, ...]) -> Segmentation:
    """Labels on the pixels of an image of this shape."""
    wanted = model.card.source
    on_grid = least_area(INFERENCE.smallest_object, wanted.object_size_px if wanted else None)
    return segment_ensemble(
        [
            SegmenterInput(
                model,
                look[None],
                of_limits(IntensityRange(0.0, 1.0)),
                partial(resample_to, shape=(shape[0], shape[1])),
            )
        ],
        INFERENCE,
        control=Control(),
        least_px=on_grid * (shape[0] * shape[1]) / look.size,
    )


def scored(made: Segmentation, case: Case, model: Segmenter) -> dict[str, float]:
    """What the labels of a segmenter score, see `scores`."""
    return scores(made.labels, case, model.classes)


def scores(labels: NDArray[np.uint8], case: Case, named: Sequence[LabelClass]) -> dict[str, float]:
    """Dice of every class, and F1 of what people count: axons and fibres, or objects of each class."""
    classes = {label_class.name: label_class.value for label_class in named if label_class.value}
    objects = to_instances(labels, scheme_for(named))
    found = evaluate(labels, case.truth, classes, instances=(objects, case.instances))
    told = {f"Dice {name}": value for name, value in found.dice.items()}
    return told | {f"F1 {name}": found.objects[name].f1 for name in counted(classes)}
