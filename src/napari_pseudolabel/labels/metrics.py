"""How well a label image agrees with a reference: by its pixels, and by the objects that people count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.matching import Detection, detection
from napari_pseudolabel.labels.objects import FIBRE, Scheme, scheme_for, to_instances
from napari_pseudolabel.models.cards import LabelClass

_MYELIN = "myelin"


@dataclass(frozen=True)
class Evaluation:
    """Scores by class name.

    Attributes
    ----------
    dice, iou
        Of the pixels of a class, in [0, 1]. A class that both images lack scores 1, one that only one image has 0.
    objects
        How many objects of a class were found, and of fibres where there are axons and myelin; see `detections`.
    """

    dice: dict[str, float]
    iou: dict[str, float]
    objects: dict[str, Detection]


def evaluate(
    prediction: NDArray[np.integer],
    reference: NDArray[np.integer],
    classes: Mapping[str, int],
    *,
    instances: tuple[NDArray[np.integer] | None, NDArray[np.integer] | None] = (None, None),
    aspect: float = 1.0,
) -> Evaluation:
    """Compare two label images.

    Parameters
    ----------
    prediction, reference
        Class values of the same shape, (..., Y, X); leading axes are planes of their own.
    classes
        Value of each class by name.
    instances
        Numbered objects of the prediction and of the reference, of the same shape, where somebody has told them apart;
        None for objects as the classes make them (`labels.objects`).
    aspect
        Height of a pixel by its width.

    Raises
    ------
    InputError
        If the shapes differ or no class but the background is given.
    """
    prediction, reference = np.asarray(prediction), np.asarray(reference)
    for other in (reference, *instances):
        if other is not None and other.shape != prediction.shape:
            sizes = (" x ".join(map(str, array.shape)) for array in (prediction, other))
            raise InputError("The prediction is {} but the reference is {}; they must match.".format(*sizes))
    if not any(classes.values()):
        raise InputError("Name at least one class to evaluate besides the background, such as axon=2.")
    dice, iou = {}, {}
    for name, value in classes.items():
        a, b = prediction == value, reference == value
        common, total = int((a & b).sum()), int(a.sum()) + int(b.sum())
        dice[name] = 2 * common / total if total else 1.0
        iou[name] = common / (total - common) if total else 1.0
    return Evaluation(
        dice, iou, detections(prediction, reference, classes, instances=instances, aspect=aspect)
    )


def counted(classes: Mapping[str, int]) -> tuple[str, ...]:
    """Return the names of `detections` that people count: fibres and axons, but not the sheaths of myelin around them."""
    scheme = scheme_for(_as_classes(classes))
    around = {fibre.outer for fibre in scheme.fibres}
    names = [name for number, name in enumerate(classes, start=1) if number not in around]
    return (*names, *(FIBRE for _ in scheme.fibres))


def object_notes(classes: Mapping[str, int]) -> tuple[str, ...]:
    """Return sentences about classes whose object scores (F1, PQ, AP) say nothing about them: myelin, which touches.

    A class image does not say where one sheath ends and the next begins; with axons the one that reaches it first decides,
    without any it is one piece.
    """
    names = {one.name.strip().lower(): one.name for one in _as_classes(classes)}
    scheme = scheme_for(_as_classes(classes))
    if scheme.fibres:
        myelin = list(classes)[scheme.fibres[0].outer - 1]
        return (
            f"Sheaths of {myelin} touch, and are told apart by the axons in them: its f1, pq and ap follow the axons. Look at its dice, "
            f"and at {FIBRE}.",
        )
    if _MYELIN in names:
        return (
            f"Sheaths of {names[_MYELIN]} touch, and nothing tells them apart without the axons: its f1, pq and ap say nothing. Look at "
            f"its dice, or name the axons as well.",
        )
    return ()


def _as_classes(classes: Mapping[str, int]) -> list[LabelClass]:
    """Classes with values of our own, from 1 on, because label images may hold any."""
    return [LabelClass(name=name, value=number) for number, name in enumerate(classes, start=1)]


def detections(
    prediction: NDArray[np.integer],
    reference: NDArray[np.integer],
    classes: Mapping[str, int],
    *,
    instances: tuple[NDArray[np.integer] | None, NDArray[np.integer] | None] = (None, None),
    aspect: float = 1.0,
) -> dict[str, Detection]:
    """Count the objects that two label images have in common, matched one to one at an IoU of at least 0.5.

    What an object is follows from the names of the classes, as everywhere (`labels.objects.scheme_for`): axons are
    8-connected; myelin is a sheath for every axon; both together are a *fibre*, counted where there is an axon; nuclei and
    cells that touch are divided; everything else is 8-connected. For the parameters see `evaluate`.

    Returns
    -------
    dict
        By name of the class; `FIBRE` comes last where there are fibres.
    """
    own = {one.name: one.value for one in _as_classes(classes)}
    scheme = scheme_for(_as_classes(classes), aspect)
    found: defaultdict[str, Detection] = defaultdict(Detection)
    stacks = [
        None if array is None else np.asarray(array).reshape(-1, *array.shape[-2:])
        for array in (prediction, reference, *instances)
    ]
    assert stacks[0] is not None
    for number in range(len(stacks[0])):
        one, other, *told = (None if stack is None else stack[number] for stack in stacks)
        sides = [
            _objects(_renumbered(plane, classes), given, own, scheme)
            for plane, given in zip((one, other), told, strict=True)
        ]
        for name in sides[0]:
            found[name] += detection(sides[0][name], sides[1][name])
    return dict(found)


def _renumbered(plane: NDArray[np.integer] | None, classes: Mapping[str, int]) -> NDArray[np.uint8]:
    """(H, W) classes by their order from 1; what is none of them is background."""
    assert plane is not None
    found = np.zeros(plane.shape, np.uint8)
    for number, value in enumerate(classes.values(), start=1):
        found[plane == value] = number
    return found


def _objects(
    plane: NDArray[np.uint8],
    instances: NDArray[np.integer] | None,
    classes: Mapping[str, int],
    scheme: Scheme,
) -> dict[str, NDArray[np.integer]]:
    """(H, W) numbered objects of each class of a plane, and of fibres."""
    if instances is None:
        instances = to_instances(plane, scheme)
    found = {name: np.where(plane == value, instances, 0) for name, value in classes.items()}
    for fibre in scheme.fibres:
        with_axon = np.isin(instances, np.unique(instances[plane == fibre.inner]))
        found[FIBRE] = np.where(with_axon, instances, 0)
    return found
