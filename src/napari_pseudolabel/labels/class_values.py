"""What the values of a label image are: classes, or the numbers of objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.wording import some

_FEWEST = 10  # below, each class may well be in one piece
_PIECES = 1.5  # connected pieces per value, at most, where values are numbers of objects
_LISTED = 8


def are_numbers(labels: NDArray[np.integer]) -> bool:
    """Whether values are numbers of objects: there are many, and each is one connected piece.

    Parameters
    ----------
    labels
        (..., Y, X); every plane may have its own numbers.
    """
    values = np.unique(labels)
    if np.count_nonzero(values) < _FEWEST:
        return False
    pieces, numbered = 0, 0
    for plane in labels.reshape(-1, *labels.shape[-2:]):
        own, small = np.unique(plane, return_inverse=True)
        numbered += int(np.count_nonzero(own))
        # 1 more than the index, because 0 is no piece.
        start = 0 if own[0] == 0 else 1
        pieces += int(label(small.reshape(plane.shape) + start, connectivity=2, return_num=True)[1])
    return pieces <= _PIECES * numbered


def listed(values: Iterable[int]) -> str:
    """Values for a sentence: "0, 1 and 2"; of many the first ones."""
    found = sorted({int(value) for value in values})
    if len(found) > _LISTED:
        return some([str(value) for value in found], _LISTED)
    return " and ".join(filter(None, [", ".join(map(str, found[:-1])), *map(str, found[-1:])]))


def numbers_apart(
    labels: NDArray[np.integer], classes: Mapping[str, int], side: str, told: bool | None = None
) -> tuple[NDArray[np.integer], NDArray[np.integer] | None]:
    """Tell the classes of a label image from the numbers of its objects.

    Parameters
    ----------
    labels
        (..., Y, X) class values, or numbers of objects.
    classes
        Value of each class by name.
    side
        What the image is called in a sentence.
    told
        Whether it numbers its objects; None if that is to be found out.

    Returns
    -------
    classes, instances
        Class values; and the numbers, None where values are classes.

    Raises
    ------
    InputError
        If values are numbers of objects, but there are several classes that they could be.
    """
    if told is None:
        others = set(np.unique(labels).tolist()) - {0, *classes.values()}
        told = len(others) >= _FEWEST - 1 and are_numbers(labels)
    if not told:
        return labels, None
    wanted = [value for value in classes.values() if value]
    if len(wanted) != 1:
        raise InputError(
            f"The {side} numbers its objects ({np.count_nonzero(np.unique(labels))} values of one piece each), so its values are "
            "no classes; name one class, that of all its objects, or give labels in which every object has the value of its class."
        )
    return np.where(labels > 0, wanted[0], 0), labels


def comparable(
    prediction: NDArray[np.integer], reference: NDArray[np.integer], classes: Mapping[str, int]
) -> tuple[str, ...]:
    """Find out whether scores of `classes` would mean something.

    Parameters
    ----------
    prediction, reference
        Label images of the same shape, (..., Y, X).
    classes
        Value of each class by name.

    Returns
    -------
    tuple of str
        Sentences about scores that say nothing.
    """
    sides = {"prediction": prediction, "reference": reference}
    values = {side: {int(value) for value in np.unique(labels)} for side, labels in sides.items()}
    wanted = {value: name for name, value in classes.items() if value}
    found = values["prediction"] | values["reference"]
    notes = [
        f"Neither label image holds {name} ({value}), so its scores say nothing; the values are {listed(found)}."
        for value, name in wanted.items()
        if value not in found
    ]
    notes += [
        f"The {side} holds none of the classes; its values are {listed(values[side])}."
        for side in sides
        if wanted.keys() & found and not wanted.keys() & values[side]
    ]
    return tuple(notes)
