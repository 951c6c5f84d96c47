"""What in a region is doubtful, one place after the other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects import Scheme, to_instances
from napari_pseudolabel.labels.objects.object_mask import ObjectMask, object_mask
from napari_pseudolabel.labels.review.uncertainty import edges, uncertainty_of
from napari_pseudolabel.labels.windows import Window, moved, padded, shape_of
from napari_pseudolabel.viewer.corrections import Index, key_of
from napari_pseudolabel.widgets.correct.review.measuring import ReviewScene

_SQUARE = np.ones((3, 3), bool)
_MARGIN_PX = 2
# Where only one model has spoken, what it is less sure of than this is worth a look.
_UNSURE = 0.4
_LEAST_PATH_PX = 3.0


@dataclass(frozen=True, eq=False)
class Suspect:
    """A part of a plane that is doubtful.

    Attributes
    ----------
    area
        Its pixels.
    at
        A pixel of the object that is in doubt; None where there is no object, or one without an end.
    path_px
        Expected boundary to redraw.
    """

    area: ObjectMask
    at: tuple[int, int] | None
    path_px: float

    def meets(self, other: Suspect) -> bool:
        """Whether both are, at least in part, the same place."""
        return self.area.holds(other.area.place) or other.area.holds(self.area.place)


def suspects(scene: ReviewScene, plane: Index, window: Window, scheme: Scheme) -> tuple[Suspect, ...]:
    """Return what is doubtful in a part of a plane, most work first.

    Parameters
    ----------
    plane
        Index over the axes before Y and X.
    window
        Part of Y and X.
    scheme
        How classes make objects.
    """
    # A margin, because what touches the border of a region has neighbours beyond it.
    wide = padded(window, _MARGIN_PX, scene.labels.data.shape)
    key = key_of(plane, wide)
    labels = np.asarray(scene.labels.data[key]).astype(np.uint8)
    members = scene.members(plane, wide)
    confidence = None if scene.confidence is None else np.asarray(scene.confidence[key])
    settled = scene.corrections.touched_in(key) | ~scene.corrections.reached_in(key)
    doubt = uncertainty_of(labels, confidence, members, settled)
    area = doubt.disputed
    if not doubt.members:
        area |= doubt.wrong >= _UNSURE
    area &= ObjectMask(1, window, np.ones(shape_of(window), bool)).within(wide)
    parts, count = ndi.label(area, _SQUARE)
    if not count:
        return ()
    path, instances = _path(labels, members, parts, count), _graspable(labels, scheme)
    found = [
        _suspect(labels, instances, parts, number, box, wide, float(path[number]))
        for number, box in enumerate(ndi.find_objects(parts), start=1)
        if path[number] >= _LEAST_PATH_PX
    ]
    return tuple(sorted(found, key=lambda suspect: -suspect.path_px))


def _path(
    labels: NDArray[np.uint8], members: NDArray[np.uint8] | None, parts: NDArray[np.integer], count: int
) -> NDArray[np.float64]:
    """(count + 1,) boundary of the members that the labels lack; without members, the boundary of the part."""
    if members is None or len(members) < 2:
        inner = ndi.binary_erosion(parts > 0)
        return np.bincount(parts[~inner], minlength=count + 1).astype(float)
    drawn = edges(labels)
    total = np.zeros(count + 1)
    for member in members:
        differs = (edges(member) & ~drawn) | (drawn & ~edges(member))
        # A border that moved runs along the rim of what is disputed.
        near = ndi.grey_dilation(np.where(differs, parts, 0), footprint=_SQUARE)
        total += np.bincount(np.where(parts > 0, near, 0).ravel(), minlength=count + 1)
    return total / len(members)


def _suspect(
    labels: NDArray[np.uint8],
    instances: NDArray[np.int32],
    parts: NDArray[np.integer],
    number: int,
    box: Window,
    window: Window,
    path: float,
) -> Suspect:
    area = object_mask(1, moved(box, window), parts[box] == number)
    # The object that most of the doubt lies on, or next to.
    around = padded(box, 1, labels.shape)
    ring = ndi.binary_dilation(parts[around] == number, _SQUARE)
    numbers, counts = np.unique(instances[around][ring], return_counts=True)
    objects = numbers[np.argsort(-counts, kind="stable")]
    chosen = next((int(one) for one in objects if one), 0)
    wanted = instances[around] == chosen if chosen else parts[around] == number
    at = ObjectMask(chosen, moved(around, window), wanted).middle if chosen else None
    return Suspect(area, at, path)


def _graspable(labels: NDArray[np.uint8], scheme: Scheme) -> NDArray[np.int32]:
    """Numbers of the objects that can be taken as a whole, 0 elsewhere.

    Components that reach from one border of the region to another are none: touching myelin goes on through all of
    the image.
    """
    instances = to_instances(labels, scheme)
    if scheme.fibres:
        return instances
    rims = (instances[0], instances[-1], instances[:, 0], instances[:, -1])
    touched = Counter(number for rim in rims for number in np.unique(rim).tolist() if number)
    endless = [number for number, count in touched.items() if count > 1]
    instances[np.isin(instances, endless)] = 0
    return instances
