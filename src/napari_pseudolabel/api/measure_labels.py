"""Measure the objects of labels from Python and the shell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.api.checked_arguments import checked_arguments
from napari_pseudolabel.api.compare_labels import check_values, checked_classes, image_of_array
from napari_pseudolabel.api.known_labels import KnownLabels, known_labels
from napari_pseudolabel.api.python_inputs import LabelsInput
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, Placement
from napari_pseudolabel.imaging.placement import SQUARE_WITHIN
from napari_pseudolabel.imaging.reading.label_values import as_labels
from napari_pseudolabel.imaging.reading.read_request import Position
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.class_values import are_numbers, without_class
from napari_pseudolabel.labels.classes import LARGEST_VALUE, classes_of, is_nameless, nameless
from napari_pseudolabel.labels.measures import UNNAMED, Kind, Measures, kind_for
from napari_pseudolabel.labels.measures import measure as measured
from napari_pseudolabel.models.cards import LabelClass


@dataclass(frozen=True, eq=False)
class LabelMeasurement:
    """What comes of `measure`.

    Attributes
    ----------
    measures
        ``rows`` has an array per column, one value per object: ``pandas.DataFrame(measures.rows)`` is the table. ``totals``,
        ``instances`` and ``spacing`` beside it; docs/measures.md says what the columns are.
    notes
        What was assumed.
    """

    measures: Measures
    notes: tuple[str, ...] = ()


@checked_arguments
def measure(
    labels: LabelsInput,
    classes: Mapping[str, int] | None = None,
    *,
    kind: Kind | None = None,
    pixel_size_um: float | None = None,
    numbered: bool | None = None,
    axes: str | None = None,
    position: Position | None = None,
) -> LabelMeasurement:
    """Measure every object of labels; of fibres what AxonDeepSeg measures, by its names and definitions.

    Parameters
    ----------
    labels
        Path, array (Y, X), (Z, Y, X) or (T, Z, Y, X) of integers, or `imaging.Image`.
    classes
        Value of each class by name; None for what the provenance of a file says.
    kind
        "fibres" or "objects"; None for fibres where there are axons, myelin and a pixel size.
    pixel_size_um
        Side of a pixel in micrometres; None for what the file says. Without any, lengths are in pixels, and a note says so.
    numbered
        Whether every value is an object, and not a class; None to find that out where nobody names classes.
    axes, position
        Of a file, as for `imaging.read_labels`.

    Raises
    ------
    InputError
        If they cannot be read, are no labels, or fibres have no pixel size.
    """
    if pixel_size_um is not None:
        pixel_size_um = Scale(pixel_size_um=pixel_size_um).pixel_size_um  # which refuses what is no size
    if kind not in (None, *get_args(Kind)):
        raise InputError(f"{kind!r} is nothing that is measured; give {' or '.join(get_args(Kind))}.")
    named = None if classes is None else checked_classes(classes)
    if isinstance(labels, str | Path):
        if named is not None:
            check_values(Path(labels), named)
        found = known_labels(Path(labels), axes, position)
    else:
        image = as_labels(labels) if isinstance(labels, Image) else image_of_array(labels, "array")
        found = KnownLabels(image, np.asarray(image.data), None, None, ())
    meaning, objects, notes = _meaning(found, named, numbered)
    placement = found.image.placement
    if placement.pixel_sides_um() is None and found.known is not None and found.known.placement:
        placement = Placement.from_dict(found.known.placement)
    own = placement.pixel_sides_um()
    spacing = own if pixel_size_um is None else (pixel_size_um, pixel_size_um)
    if own is not None and spacing is not None and not np.allclose(own, spacing, rtol=SQUARE_WITHIN):
        notes.append(
            f"The pixels of {found.image.name} are {own[0]:.4g} x {own[1]:.4g} um by its file; the {pixel_size_um:.4g} um that were told "
            "count."
        )
    sure = found.confidence()
    values = found.labels if objects is None else (found.labels > 0).astype(np.uint8)
    made = measured(
        values,
        meaning,
        kind or kind_for(meaning, spacing),
        spacing=spacing,
        labelled=found.labelled,
        confidence=None if sure is None else sure.reshape(values.shape),
        instances=objects,
    )
    return LabelMeasurement(made, (*found.image.notes, *notes, *made.notes))


def _meaning(
    found: KnownLabels, named: dict[str, int] | None, numbered: bool | None
) -> tuple[Sequence[LabelClass], NDArray[np.integer] | None, list[str]]:
    """Classes of a file; the numbers of its objects where it holds those instead; and what to know about that."""
    name = found.image.name
    if named is not None:
        given = classes_of(named)
    else:
        told = found.known.classes if found.known else ()
        given = () if all(is_nameless(one) for one in told if one.value) else told
    if numbered or (numbered is None and not given and are_numbers(found.labels)):
        kinds = [one.name for one in given if one.value] or [UNNAMED]
        if len(kinds) > 1:
            raise InputError(f"Numbers of objects are of one class, but {len(kinds)} are named; name one.")
        note = f"The values of {name} were taken for numbers of objects."
        return (LabelClass(name=kinds[0], value=1),), found.labels, [] if numbered else [note]
    if given:
        known = [one.value for one in given]
        return given, None, [*without_class(found.labels, known, name, "measured all the same")]
    values = [value for value in np.unique(found.labels).tolist() if value]
    if values and max(values) > LARGEST_VALUE:
        raise InputError(
            f"The values of {name} go up to {max(values)}, which are no classes; if they are objects, give --numbered, in Python "
            "numbered=True."
        )
    untold = (
        f"Nothing says what the values of {name} mean; name them with --class axon=2, in Python by "
        'classes={"axon": 2}.'
    )
    return nameless(values), None, [untold]
