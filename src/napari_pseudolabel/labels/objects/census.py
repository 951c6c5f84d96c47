"""How many objects labels hold, as people count them and say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.classes import is_unnamed_region
from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.incomplete import half_fibres
from napari_pseudolabel.labels.objects.instances import to_instances
from napari_pseudolabel.labels.objects.scheme import scheme_for
from napari_pseudolabel.models.cards import LabelClass

_PLURALS = {
    "nucleus": "nuclei",
    "mitochondrion": "mitochondria",
    "soma": "somata",
    "glia": "glia",
    "axon": "axons",
}


@dataclass(frozen=True)
class Counted:
    """Objects of one class.

    Attributes
    ----------
    name
        Of the class.
    number
        How many there are.
    around
        Name of the class around them, as myelin is around axons; empty without one.
    groups
        Touching groups of that class.
    bare, hollow
        Objects without it around them, and groups of it without an object, as far as they are seen as a whole.
    """

    name: str
    number: int
    around: str = ""
    groups: int = 0
    bare: int = 0
    hollow: int = 0


def census(
    labels: NDArray[np.integer],
    classes: Sequence[LabelClass],
    aspect: float = 1.0,
) -> tuple[Counted, ...]:
    """Count the objects of labels: axons with their myelin, nuclei that touch one by one, else what is connected.

    Parameters
    ----------
    labels
        (..., Y, X) class values; leading axes are planes of their own.
    aspect
        Height of a pixel by its width.

    Returns
    -------
    tuple of Counted
        In the order of the classes, without the background and without what is around others; empty where regions are to be named still,
        which are no objects.
    """
    if any(map(is_unnamed_region, classes)):
        return ()
    planes = labels.reshape(-1, *labels.shape[-2:])
    scheme = scheme_for(classes, aspect)
    names = {one.value: one.name for one in classes}
    around = {fibre.outer for fibre in scheme.fibres}
    found = []
    for value, name in names.items():
        if not value or value in around:
            continue
        fibre = scheme.fibre_of(value)
        number = groups = bare = hollow = 0
        for plane in planes:
            here = plane == value
            if fibre is None:
                own = np.where(here, value, 0)
                number += int(to_instances(own, scheme).max(initial=0))
                continue
            number += int(ndi.label(here, SQUARE)[1])
            groups += int(ndi.label(plane == fibre.outer, SQUARE)[1])
            halves = half_fibres(plane, fibre)
            bare += sum(one.value == fibre.inner for one in halves)
            hollow += sum(one.value == fibre.outer for one in halves)
        found.append(Counted(name, number, names[fibre.outer] if fibre else "", groups, bare, hollow))
    return tuple(found)


def census_text(counts: Sequence[Counted]) -> str:
    """Return what was counted, as a sentence; empty without classes.

    Such as "146 axons (72 touching groups of myelin); 3 axons without myelin.", or "183 nuclei."
    """
    if not counts:
        return ""
    if not any(one.number or one.groups for one in counts):
        return "Nothing was found."
    return f"{' and '.join(map(_told, counts))}."


def _told(one: Counted) -> str:
    text = f"{one.number:,} {many(one.name, one.number)}"
    if one.groups:
        groups = "1 group" if one.groups == 1 else f"{one.groups:,} touching groups"
        text += f" ({groups} of {one.around})"
    halves = []
    if one.bare:
        halves.append(f"{one.bare:,} {many(one.name, one.bare)} without {one.around}")
    if one.hollow:
        halves.append(
            f"{one.hollow:,} group{'s'[: one.hollow > 1]} of {one.around} without {many(one.name, 2)}"
        )
    return "; ".join(filter(None, (text, ", ".join(halves))))


def many(name: str, number: int) -> str:
    """Return what a number of objects of a class are called: "axons", "nuclei", or "objects of GFP+"."""
    known = _PLURALS.get(name.lower())
    if known is None and not (name.isalpha() and name.islower()):
        return f"object{'s'[: number != 1]} of {name}"
    if number == 1:
        return next((one for one, several in _PLURALS.items() if several == name), name)
    if known or name in _PLURALS.values():
        return known or name
    if name.endswith(("s", "x", "ch", "sh")):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") and name[-2:-1] not in "aeiou" else f"{name}s"
