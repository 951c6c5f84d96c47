"""What the values of a label image are: classes, or the numbers of objects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.types import Array
from napari_pseudolabel.wording import some

_FEWEST = 10  # below, each class may well be in one piece
_FEWEST_DOUBTED = 5  # from here on that is said
_PIECES = 1.5  # connected pieces per value, at most, where values are numbers of objects
_LISTED = 8
_MASKS = (255, 65535)  # what masks of 8 and 16 bits have for white
# Fewer values, and those of more bytes, are hardly grey levels; so many of the values lie alone in an image.
_FEWEST_GREY, _WIDEST_GREY, _MOSTLY = 6, 2, 2 / 3
# Of the pixels: of labels that are merely bad, less than that are wrong.
_INVERTED = 0.9


def are_numbers(labels: NDArray[np.integer], fewest: int = _FEWEST) -> bool:
    """Whether values are numbers of objects: there are many, `fewest` or more, and each is one connected piece.

    Parameters
    ----------
    labels
        (..., Y, X); every plane may have its own numbers.
    """
    from skimage.measure import label  # the shell starts without

    values = np.unique(labels)
    if np.count_nonzero(values) < fewest:
        return False
    pieces, numbered = 0, 0
    for plane in labels.reshape(-1, *labels.shape[-2:]):
        own, small = np.unique(plane, return_inverse=True)
        numbered += int(np.count_nonzero(own))
        # 1 more than the index, because 0 is no piece.
        start = 0 if own[0] == 0 else 1
        pieces += int(label(small.reshape(plane.shape) + start, connectivity=2, return_num=True)[1])
    return pieces <= _PIECES * numbered


# What a JPEG makes of black and white.
_NEAR_BLACK = 40
_FEWEST_NEAR = 3


def refuse_grey(labels: NDArray[np.integer], name: str) -> None:
    """Refuse what is an image, or a mask that was smoothed, scaled or saved as JPEG: its values mean neither classes nor objects.

    Of those most values are grey levels, whose pixels lie among pixels of others; a class, or an object, has neighbours of its own.

    Parameters
    ----------
    labels
        (..., Y, X).
    name
        Of the image, for the sentence.

    Raises
    ------
    InputError
        If it is one.
    """
    for plane in labels.reshape(-1, *labels.shape[-2:]):
        if plane.dtype.itemsize > _WIDEST_GREY or not plane.any():
            continue
        counts = np.bincount(plane.ravel())
        values = np.flatnonzero(counts[1:]) + 1
        if len(values) < _FEWEST_GREY:
            continue
        framed = np.pad(plane, 1)
        around = [framed[1:-1, :-2], framed[1:-1, 2:], framed[:-2, 1:-1], framed[2:, 1:-1]]
        lonely = np.logical_and.reduce([plane != one for one in around])
        lonely &= np.logical_or.reduce([one > 0 for one in around])
        alone = np.bincount(plane[lonely], minlength=len(counts))[values] > counts[values] / 2
        if alone.mean() >= _MOSTLY:
            raise InputError(
                f"{name} holds {len(values)} values like grey levels, and no labels: it is an image, or a mask that was smoothed, "
                "scaled or saved as JPEG; give the labels as they were drawn, or a mask of 0 and 255."
            )
    if labels.dtype.itemsize <= _WIDEST_GREY and labels.size:
        values = np.unique(labels)
        low, high = values[values <= _NEAR_BLACK], values[(values >= 255 - _NEAR_BLACK) & (values <= 255)]
        both = min(len(low), len(high)) >= _FEWEST_NEAR and len(low) + len(high) == len(values)
        if both and not are_numbers(labels, _FEWEST_NEAR):
            raise InputError(
                f"The values of {name} are {listed(values)}, as of a mask of 0 and 255 that was saved as JPEG; make it a mask again by a "
                "threshold, and save it as PNG or TIFF."
            )


def mask_as_class(
    labels: NDArray[np.integer], classes: Mapping[str, int], side: str
) -> tuple[NDArray[np.integer], tuple[str, ...]]:
    """Take a mask of 0 and 255 (or 65535, of 16 bits) for the one class that is named, and say so.

    Parameters
    ----------
    labels
        (..., Y, X).
    classes
        Value of each class by name.
    side
        What the image is called in a sentence.

    Raises
    ------
    InputError
        If several classes are named, of which none has that value.
    """
    wanted = {name: value for name, value in classes.items() if value}
    white = next((one for one in _MASKS if set(np.unique(labels).tolist()) in ({0, one}, {one})), None)
    if white is None or white in wanted.values():
        return labels, ()
    if len(wanted) != 1:
        raise InputError(
            f"The {side} is a mask of 0 and {white}, which is one class, but {len(wanted)} are named; name the one that it shows."
        )
    ((name, value),) = wanted.items()
    return np.where(labels > 0, value, 0), (
        f"The {side} is a mask of 0 and {white}; {white} was taken for {name}.",
    )


def without_class(labels: Array, classes: Iterable[int], which: str, become: str) -> tuple[str, ...]:
    """Return a sentence about values that no class has, such as numbers of objects where classes are meant; none where there are none.

    Parameters
    ----------
    labels
        (..., Y, X).
    classes
        Values of the classes that are named.
    which, become
        What the image is called in the sentence, and what those values were "taken for".
    """
    rest = set(np.unique(labels).tolist()) - {0, *classes}
    many = len(rest) != 1
    told = (
        f"value{'s'[:many]} {listed(rest)} of {which} belong{'s'[many:]} to no class that is named: {become}."
    )
    return (f"The {told}",) if rest else ()


def inverted(
    prediction: NDArray[np.integer], reference: NDArray[np.integer], classes: Mapping[str, int]
) -> tuple[str, ...]:
    """Say of classes that are nearly where the other image has none of them; parameters as of `comparable`."""
    return tuple(
        f"What is {name} in the prediction is nearly all that is not {name} in the reference; one of them may be inverted."
        for name, value in classes.items()
        if value and np.mean((prediction == value) != (reference == value)) > _INVERTED
    )


def taken_for_background(
    prediction: NDArray[np.integer], reference: NDArray[np.integer], classes: Mapping[str, int]
) -> tuple[str, ...]:
    """As `without_class`, of values that were taken for background; where each is one piece, they may be numbers of objects."""
    become = "taken for background"
    numbers = f"{become}; if they are numbers of objects, say so (--numbered, in Python numbered=)"
    sides = {"the prediction": prediction, "the reference": reference}
    rests = {side: set(np.unique(labels).tolist()) - {0, *classes.values()} for side, labels in sides.items()}
    if len({frozenset(rest) for rest in rests.values()}) == 1:
        sides, rests = {"both images": reference}, {"both images": rests["the reference"]}
    return tuple(
        sentence
        for side, labels in sides.items()
        for sentence in without_class(
            labels,
            classes.values(),
            side,
            numbers if len(rests[side]) > 1 and are_numbers(labels, 2) else become,
        )
    )


def look_like_numbers(labels: NDArray[np.integer]) -> bool:
    """Whether there are five or more values of one piece each: classes or numbers of objects, nobody can tell."""
    return are_numbers(labels, _FEWEST_DOUBTED)


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


def refuse_numbers(labels: NDArray[np.integer], unnamed: Collection[int], name: str) -> None:
    """Refuse labels that number objects where classes are learned: all but the first few objects would be background.

    Parameters
    ----------
    labels
        (..., Y, X).
    unnamed
        Values that no class has.
    name
        Of the image, for the sentence.

    Raises
    ------
    InputError
        If they do.
    """
    if len(set(unnamed) - {0}) >= _FEWEST - 1 and are_numbers(labels):
        raise InputError(
            f"The labels of {name} number its objects ({np.count_nonzero(np.unique(labels))} values of one piece each), so their "
            "values are no classes; give labels in which every object has the value of its class."
        )


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

    Raises
    ------
    InputError
        If none of them says anything, because both images hold other values.
    """
    sides = {"prediction": prediction, "reference": reference}
    values = {side: {int(value) for value in np.unique(labels)} for side, labels in sides.items()}
    wanted = {value: name for name, value in classes.items() if value}
    found = values["prediction"] | values["reference"]
    if found - {0} and not wanted.keys() & found:
        names = " or ".join(f"{name} ({value})" for value, name in wanted.items())
        raise InputError(
            f"Neither label image holds {names}; the values are {listed(found)}. Name the classes by the values that they have."
        )
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
