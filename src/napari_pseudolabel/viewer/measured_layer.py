"""Numbered objects as a layer, with their measures as its features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels

from napari_pseudolabel.labels.measures import Measures
from napari_pseudolabel.viewer.image_layers import placement_of
from napari_pseudolabel.viewer.result_layers import selection_kept

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel


def features_of(measures: Measures) -> pd.DataFrame:
    """Return measures as napari reads features of labels: ``index`` is the value of a label, columns are called as in files."""
    import pandas as pd  # when there are measures; docks open without

    known = measures.spacing is not None
    columns = {one.header(known): measures.rows[one.name] for one in measures.columns if one.name != "number"}
    return pd.DataFrame({"index": measures.rows["number"].astype(np.int64), **columns})


def add_measured(viewer: ViewerModel, labels: Labels, measures: Measures) -> Labels:
    """Add a layer of the numbers of the objects, which is the person's own, and return it."""
    highest = int(measures.instances.max(initial=0))
    layer = Labels(
        measures.instances.astype(np.min_scalar_type(highest) if highest > 255 else np.uint8),
        name=f"{labels.name}: measured",
        features=features_of(measures),
        **placement_of(labels).layer_kwargs(),
    )
    with selection_kept(viewer):
        viewer.add_layer(layer)
    return layer
