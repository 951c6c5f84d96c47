"""What objects cost: every second goes to some object, and to the right one."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pseudolabel.exporting import ExportContent, read_sidecar
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.labels.effort_log import effort_table, object_efforts
from napari_pseudolabel.labels.objects import Fibre, Scheme, to_instances
from napari_pseudolabel.labels.pixel_states import CONFIRMED, CORRECTED
from napari_pseudolabel.workspace.sessions import Edit

FIBRES = Scheme((Fibre(2, 1),))


def edit(tool, box, seconds=2.0, plane=(), pixels=5):
    return Edit(0.0, "labels", tool, plane, box, pixels, seconds)


def two_fibres() -> np.ndarray:
    labels = np.zeros((20, 40), np.uint8)
    for x in (4, 24):
        labels[4:16, x : x + 12] = 1
        labels[7:13, x + 3 : x + 9] = 2
    return labels


boxes = st.tuples(st.integers(0, 14), st.integers(0, 14), st.integers(1, 6), st.integers(1, 6)).map(
    lambda one: (one[0], one[1], one[0] + one[2], one[1] + one[3])
)
edits = st.lists(
    st.builds(
        edit,
        st.sampled_from(["paint", "erase", "split", "accept", "fix"]),
        boxes,
        st.floats(0, 15),
        st.sampled_from([(0,), (1,), (7,)]),
    ),
    max_size=8,
)


@given(arrays(np.uint8, (2, 14, 16), elements=st.integers(0, 2)), edits, st.sampled_from([FIBRES, Scheme()]))
def test_no_second_and_no_edit_is_lost(labels, log, scheme):
    rows = object_efforts(labels, log, scheme)
    assert sum(row.seconds for row in rows) == pytest.approx(sum(one.seconds for one in log))
    assert sum(row.edits for row in rows) == sum(one.tool not in ("accept", "fix") for one in log)
    for plane in (0, 1):
        own = [row for row in rows if row.plane == (plane,) and row.number]
        instances = to_instances(labels[plane], scheme)
        assert [row.number for row in own] == list(range(1, instances.max() + 1))
        assert [row.pixels for row in own] == np.bincount(instances.ravel())[1:].tolist()


def test_edits_belong_to_the_object_they_reach_most_of():
    labels = two_fibres()
    log = [
        edit("paint", (4, 4, 10, 9)),
        edit("grow", (4, 15, 16, 36), 3.0),
        edit("delete", (0, 17, 3, 22), 1.0),
    ]
    nothing, first, second = object_efforts(labels, log, FIBRES)
    assert (nothing.number, nothing.edits, nothing.seconds, dict(nothing.tools)) == (0, 1, 1.0, {"delete": 1})
    assert (first.edits, first.seconds, dict(first.tools)) == (1, 2.0, {"paint": 1})
    assert (second.edits, second.seconds, dict(second.tools)) == (1, 3.0, {"grow": 1})
    assert (first.value, first.y, first.x, first.pixels) == (1, 9.5, 9.5, 144)


def test_looking_at_a_region_takes_time_of_all_objects_in_it():
    first, second = object_efforts(two_fibres(), [edit("accept", (0, 0, 20, 40), 6.0)], FIBRES)
    assert (first.seconds, second.seconds) == (3.0, 3.0)
    assert (first.edits, second.edits) == (0, 0)


def test_who_made_an_object():
    labels, flags = two_fibres(), np.zeros((20, 40), np.uint8)
    assert [row.origin for row in object_efforts(labels, [], FIBRES)] == ["", ""]
    assert [row.origin for row in object_efforts(labels, [], FIBRES, flags)] == ["machine", "machine"]
    flags[5, 5] = CORRECTED
    flags[4:16, 24:36] = CONFIRMED
    assert [row.origin for row in object_efforts(labels, [], FIBRES, flags)] == ["human", "confirmed"]


def test_the_table_can_be_read_by_a_spreadsheet():
    log = [edit("paint", (4, 4, 10, 9)), edit("paint", (4, 4, 10, 9), 0.25), edit("delete", (0, 17, 3, 22))]
    rows = object_efforts(two_fibres()[None], [], FIBRES)
    assert [row.plane for row in rows] == [(0,), (0,)]
    text = effort_table(object_efforts(two_fibres(), log, FIBRES), {1: "myelin", 2: 'axon, "large"'})
    nothing, first, _ = csv.DictReader(io.StringIO(text))
    assert (nothing["object"], nothing["class"], nothing["tools"]) == ("0", "", "delete:1")
    assert (first["object"], first["class"], first["tools"], first["seconds"]) == (
        "1",
        "myelin",
        "paint:2",
        "2.25",
    )


def test_the_table_lies_beside_the_labels(tmp_path):
    labels = two_fibres()
    content = ExportContent(
        labels, AXON_CLASSES, Placement.identity(2), {}, edits=(edit("paint", (4, 4, 10, 9)),)
    )
    written = content.write(tmp_path / "a.ome.tif", "ome-tiff", effort=True)
    assert [path.name for path in written] == ["a.ome.tif", "a.provenance.json", "a.effort.csv"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.effort.csv").read_text())))
    assert [(row["object"], row["edits"]) for row in rows] == [("1", "1"), ("2", "0")]
    assert read_sidecar(tmp_path / "a.ome.tif").files["effort"] == "a.effort.csv"
    assert len(content.write(tmp_path / "b.ome.tif", "ome-tiff")) == 2
