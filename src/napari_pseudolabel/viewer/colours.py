"""Colours and names of classes on a Labels layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_pseudolabel.labels.classes import with_colours
from napari_pseudolabel.models.cards import LabelClass

if TYPE_CHECKING:
    from napari.utils.colormaps import DirectLabelColormap


def label_colormap(classes: Sequence[LabelClass]) -> DirectLabelColormap:
    """Colormap of a Labels layer; the background is transparent, values without a class are grey."""
    from napari.utils.colormaps import DirectLabelColormap

    colours: dict[int | None, Any] = {None: "#999999", 0: "transparent"}
    colours |= {one.value: one.color for one in with_colours(classes) if one.value != 0}
    return DirectLabelColormap(color_dict=colours)


def class_features(classes: Sequence[LabelClass]) -> pd.DataFrame:
    """Features of a Labels layer, from which napari shows the name of the class under the mouse."""
    named = sorted(((one.value, one.name) for one in classes), key=lambda pair: pair[0])
    return pd.DataFrame({"index": [value for value, _ in named], "class": [name for _, name in named]})
