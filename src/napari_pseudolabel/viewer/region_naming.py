"""Kinds of regions that a strategy has found become classes: a person says what a kind is, once for all of its regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.classes import is_unnamed_region
from napari_pseudolabel.labels.windows import Index, holding
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.strategies import registry
from napari_pseudolabel.strategies.provenance import strategy_of
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.editing import require_no_stroke
from napari_pseudolabel.viewer.effort import EffortLog
from napari_pseudolabel.viewer.filling import Filling
from napari_pseudolabel.viewer.records import classes_of, record_of

if TYPE_CHECKING:
    from napari.layers import Labels

_TOOL = "name_regions"


def name_regions(labels: Labels, plane: Index, at: tuple[int, int], value: int) -> tuple[LabelClass, int]:
    """Give all regions of a kind a class, as one undo step: in every plane, or in one where kinds are those of one plane.

    The person has said what they are, but not looked at every pixel: the pixels stay what a machine has made, so that trainings trust
    them as such, and nothing of them counts as corrected or confirmed. What a person touched before stays as it is.

    Parameters
    ----------
    labels
        The layer; held in memory.
    plane, at
        Index over the axes before Y and X, row and column: of a pixel of the kind.
    value
        Of the class, 0 for the background.

    Returns
    -------
    LabelClass, int
        The kind, and how many pixels were named.

    Raises
    ------
    InputError
        If there is no unnamed region, or a stroke is being painted.
    """
    require_no_stroke(labels)
    there = int(np.asarray(labels.data[(*plane, *at)]))
    kind = next((one for one in all_regions(labels) if one.value == there), None)
    if kind is None:
        raise InputError("That is no region to be named any more; Ctrl+Z takes the last naming back.")
    filling = Filling(Corrections.of(labels))
    box = None
    for index in [plane] if _of_one_plane(labels) else np.ndindex(*labels.data.shape[:-2]):
        mask = np.asarray(labels.data[index]) == there
        window = holding(mask)
        if window[0].stop > window[0].start:
            part = mask[window]
            filling.add([index], window, np.full((1, *part.shape), value, np.uint8), part[None])
            box = window if box is None or index == plane else box
    named = filling.finish()
    if box is not None and named:
        EffortLog.of(labels).note(_TOOL, plane, box, named)
    return kind, named


def _of_one_plane(labels: Labels) -> bool:
    """Whether the same number means another region in another plane, as the strategy says that made them last."""
    runs = (record_of(labels) or {}).get("runs") or [{}]
    strategy = registry.get(strategy_of(runs[-1]))
    return strategy is not None and strategy.regions_of_plane


def all_regions(labels: Labels) -> tuple[LabelClass, ...]:
    """Return the kinds of regions that a strategy has left in labels, be they named by now or not."""
    given = (record_of(labels) or {}).get("model_classes", ())
    found = {one.value: one for one in map(LabelClass.model_validate, given) if is_unnamed_region(one)}
    return tuple(found[value] for value in sorted(found))


def with_regions_there(labels: Labels) -> tuple[LabelClass, ...] | None:
    """Return the classes of labels with those kinds of regions of which a pixel is left; None where that is so already.

    A kind that was named is no class any more; undone, it is one again.
    """
    regions = all_regions(labels)
    if not regions:
        return None
    there = {one.value for one in regions if (np.asarray(labels.data) == one.value).any()}
    before = classes_of(labels)
    named = [one for one in before if not is_unnamed_region(one)]
    kept = {one.value: one for one in (*regions, *filter(is_unnamed_region, before))}
    after = (*named, *(kept[value] for value in sorted(there)))
    return None if [one.value for one in after] == [one.value for one in before] else after


def named_regions(log: object) -> int:
    """Return how often a person has named regions, by the effort log in the metadata of labels."""
    return sum(edit.tool == _TOOL for edit in log.edits()) if isinstance(log, EffortLog) else 0
