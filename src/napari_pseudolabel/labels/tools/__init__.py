"""Correction tools: each says how one part of a plane of labels should be afterwards, and changes nothing itself.

Tools work on a plane (H, W) of class values, 0 is background, and mostly on one object of it (an `ObjectMask`, see
`labels.objects`). All leave `locked` pixels as they are, and raise `InputError` with one sentence when there is
nothing to do.
"""

from napari_pseudolabel.labels.objects.components import component_at
from napari_pseudolabel.labels.tools.change import Change, ObjectMask, Window
from napari_pseudolabel.labels.tools.clicks import ClickField, ClickMark, outlined, well_inside, window_around
from napari_pseudolabel.labels.tools.interpolation import interpolate
from napari_pseudolabel.labels.tools.merging import merge
from napari_pseudolabel.labels.tools.pasting import paste
from napari_pseudolabel.labels.tools.shapes import (
    delete,
    fill_holes,
    grow,
    reassign,
    remove_small,
    shrink,
    smooth,
)
from napari_pseudolabel.labels.tools.smart_fill import smart_fill
from napari_pseudolabel.labels.tools.splitting import line_through, split

__all__ = [
    "Change",
    "ClickField",
    "ClickMark",
    "ObjectMask",
    "Window",
    "component_at",
    "delete",
    "fill_holes",
    "grow",
    "interpolate",
    "line_through",
    "merge",
    "outlined",
    "paste",
    "reassign",
    "remove_small",
    "shrink",
    "smart_fill",
    "smooth",
    "split",
    "well_inside",
    "window_around",
]
