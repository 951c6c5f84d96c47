"""Which planes a click names: all of them, or where a number means another region in each plane, that one."""

from __future__ import annotations

import numpy as np
import pytest
from viewer_results import make_result

from napari_pseudolabel.labels.classes import default_classes, unnamed_regions
from napari_pseudolabel.viewer import push
from napari_pseudolabel.viewer.records import own_record, write_record
from napari_pseudolabel.viewer.region_naming import name_regions


@pytest.mark.parametrize(("strategy", "named"), [("slic-regions", [0, 144]), ("grey-regions", [144, 144])])
def test_a_click_names_one_plane_where_regions_are_those_of_one(viewer, strategy, named):
    source = viewer.add_image(np.random.default_rng(0).random((2, 12, 12)), name="stack")
    found = make_result(np.full((2, 12, 12), 101), planes=((0,), (1,)))
    labels = push(viewer, source, found).labels
    write_record(labels, "labels", source, (*default_classes(["axon"]), *unnamed_regions(1)))
    own_record(labels)["runs"] = [{"strategy": strategy}]
    name_regions(labels, (1,), (3, 3), 1)
    assert [(plane == 1).sum() for plane in labels.data] == named
