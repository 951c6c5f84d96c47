"""Layers that a part has put off, made one at a time before the run is finished."""

from __future__ import annotations

import numpy as np
from viewer_results import make_result

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import Stream

WHOLE = Region(0, 0, 12, 12)


def test_late_layers_come_one_at_a_time(viewer):
    source = viewer.add_image(np.random.default_rng(0).random((12, 12)), name="sem")
    stream = Stream(viewer, source)
    assert not stream.late
    stream.add(make_result(np.ones((1, 12, 12)), WHOLE))
    counts = [len(viewer.layers)]
    while stream.late:
        stream.show_late()
        counts.append(len(viewer.layers))
    assert counts == [2, 3, 4]
    shown = stream.finish()
    assert len(viewer.layers) == 4
    assert not np.isnan(shown.confidence.data).any()
    assert not np.isnan(shown.translation.data).any()
