"""Colours and names of classes on a Labels layer, told apart by colour-blind eyes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_pseudolabel.models.cards import LabelClass

if TYPE_CHECKING:
    from napari.utils.colormaps import DirectLabelColormap

# Okabe & Ito, "Color Universal Design" (2008), without black; the strongest contrasts come first.
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")


def colour_of(one: LabelClass) -> str:
    """The colour of a class: its own, else the next of the palette by its value."""
    return one.color or OKABE_ITO[(one.value - 1) % len(OKABE_ITO)]


def label_colormap(classes: Iterable[LabelClass]) -> DirectLabelColormap:
    """Colormap of a Labels layer; the background is transparent, values without a class are grey."""
    from napari.utils.colormaps import DirectLabelColormap

    colours: dict[int | None, Any] = {None: "#999999", 0: "transparent"}
    colours |= {one.value: colour_of(one) for one in classes if one.value != 0}
    return DirectLabelColormap(color_dict=colours)


def class_features(classes: Iterable[LabelClass]) -> pd.DataFrame:
    """Features of a Labels layer, from which napari shows the name of the class under the mouse."""
    named = sorted(((one.value, one.name) for one in classes), key=lambda pair: pair[0])
    return pd.DataFrame({"index": [value for value, _ in named], "class": [name for _, name in named]})
