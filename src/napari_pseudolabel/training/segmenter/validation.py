"""Dice and F1 of objects on the pixels that no training sees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import block_reduce

from napari_pseudolabel.labels.matching import Detection
from napari_pseudolabel.labels.metrics import counted, detections
from napari_pseudolabel.training.common.training_events import Score
from napari_pseudolabel.training.data.image_folders import LabelledPlane

_BLOCK = 64
_MARGIN = 32  # context around the pixels, at least


def windows(plane: LabelledPlane, least: int) -> list[LabelledPlane]:
    """Cut out the parts of a plane that hold pixels with a weight, so that the rest is not computed.

    Parameters
    ----------
    plane
        Without a weight it is handed back as it is.
    least
        Smallest side of a part in pixels, where the plane has as many: a network that normalises over its tile
        answers differently on a smaller one.

    Returns
    -------
    list of LabelledPlane
        Every pixel with a weight has it in exactly one part.
    """
    if plane.weight is None:
        return [plane]
    height, width = plane.weight.shape
    blocks = block_reduce(plane.weight > 0, _BLOCK, np.any)
    groups, _ = ndimage.label(blocks, np.ones((3, 3)))
    parts = []
    for number, (row, column) in enumerate(ndimage.find_objects(groups), 1):
        ys = _grown(row, height, least)
        xs = _grown(column, width, least)
        own = np.kron(groups == number, np.ones((_BLOCK, _BLOCK), bool))[:height, :width]
        weight = np.where(own, plane.weight, np.float32(0))
        parts.append(
            replace(plane, image=plane.image[ys, xs], labels=plane.labels[ys, xs], weight=weight[ys, xs])
        )
    return parts


def _grown(blocks: slice, length: int, least: int) -> slice:
    start, stop = blocks.start * _BLOCK - _MARGIN, blocks.stop * _BLOCK + _MARGIN
    short = max(least - (stop - start), 0)
    start, stop = start - short // 2, stop + short - short // 2
    # What sticks out on one side is added on the other.
    start, stop = (0, min(stop - start, length)) if start < 0 else (start, stop)
    return slice(max(start - max(stop - length, 0), 0), min(stop, length))


def score(
    planes: Sequence[LabelledPlane],
    predict: Callable[[NDArray[np.float32]], NDArray[np.uint8]],
    classes: Mapping[str, int],
    step: int,
) -> Score:
    """Dice of each class over the counted pixels of all planes together, and F1 of the objects in them.

    Parameters
    ----------
    planes
        Pixels with a weight above 0 count, all alike; all pixels where there is no weight. Objects are cut to them, those
        of both sides alike.
    predict
        From an image (H, W) float32 in [0, 1] to labels (H, W).
    classes
        Value by name, without the background.

    Returns
    -------
    Score
        Of the classes that occur in the labels; about others these pixels say nothing.
    """
    common, total, present = dict.fromkeys(classes, 0), dict.fromkeys(classes, 0), set()
    objects: defaultdict[str, Detection] = defaultdict(Detection)
    for plane in planes:
        found, truth = predict(plane.image), plane.labels
        if plane.weight is not None:
            found, truth = (np.where(plane.weight > 0, one, one.dtype.type(0)) for one in (found, truth))
        for name, detection in detections(found, truth, classes).items():
            objects[name] += detection
        for name, value in classes.items():
            a, b = found == value, truth == value
            common[name] += int((a & b).sum())
            total[name] += int(a.sum()) + int(b.sum())
            if b.any():
                present.add(name)
    dice = {name: 2 * common[name] / total[name] for name in classes if name in present}
    f1 = {name: objects[name].f1 for name in counted(classes) if objects[name].real}
    return Score(step, float(np.mean(list(dice.values()))) if dice else 0.0, dice, f1)
