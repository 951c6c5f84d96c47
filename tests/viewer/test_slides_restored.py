"""The labels of a large image come back with a session, with what a person decided in regions of it."""

from __future__ import annotations

import shutil
from contextlib import closing

import numpy as np
import pytest
from napari.components import ViewerModel
from recorded_session import record
from run_reports import run_report

from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.slides.slide_store import SlideStore
from napari_pseudolabel.strategies import PseudoLabel, Region
from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.viewer.image_layers import image_of
from napari_pseudolabel.viewer.recording import restore
from napari_pseudolabel.viewer.recording.restoring import layer_data
from napari_pseudolabel.viewer.records import classes_of, record_of, write_classes
from napari_pseudolabel.viewer.session_labels import labels_of
from napari_pseudolabel.viewer.slide_exporting import slide_content_of
from napari_pseudolabel.viewer.slide_labels import slide_layer, store_of
from napari_pseudolabel.viewer.slide_layers import Decisions, SlideStream, open_region, region_of
from napari_pseudolabel.workspace import Workspace

SHAPE = (1300, 1100)
NERVE = LabelClass(name="nerve", value=9)


@pytest.fixture
def workspace(tmp_path):
    return Workspace.create(tmp_path / "nerves", "Nerves")


@pytest.fixture
def source(viewer):
    return viewer.add_image(np.zeros(SHAPE, np.uint8), name="slide", scale=(0.5, 0.5))


@pytest.fixture
def store(workspace, viewer, source):
    """Labels of the upper part, shown in the viewer as by a run that goes on."""
    folder = workspace.folder / "slides" / "slide-1"
    folder.parent.mkdir()
    made = SlideStore.create(
        folder, SHAPE, Placement.identity(2, "YX"), classes=AXON_CLASSES, kind="labels", identity={}, known={}
    )
    region = Region(0, 0, 700, 1100)
    labels = np.ones((1, *region.shape), np.uint8)
    one = PseudoLabel(
        labels,
        np.full(labels.shape, 0.75, np.float32),
        None,
        None,
        AXON_CLASSES,
        region,
        ((),),
        run_report(),
        made_of=(region, 0),
    )
    run = type("Run", (), {"store": made})()
    made.add(one)
    SlideStream(viewer, source, image_of(source), run).add(one)
    yield made
    made.close()


def decide(viewer, source):
    """Correct a pixel, confirm a square, and add a class, in a region that stays open."""
    opened = open_region(viewer, source, image_of(source), Region(600, 100, 800, 250), ())
    opened.labels.data_setitem((np.array([150]), np.array([149])), 9)
    Corrections.of(opened.labels).confirm((), (slice(20, 30), slice(20, 30)))
    write_classes(opened.labels, (*classes_of(opened.labels), NERVE))
    Decisions.of(opened).write()
    return opened


def come_back(workspace, id):
    viewer = ViewerModel()
    with closing(workspace.sessions.read(id)) as content:
        restored = restore(viewer, content)
    return viewer, restored


def test_what_a_run_made_and_a_person_decided_is_there_again(viewer, source, store, workspace):
    decide(viewer, source)
    id = record(viewer, workspace.sessions)
    store.close()  # as by a kill
    before = np.asarray(slide_layer(viewer, source).data[0])
    again, restored = come_back(workspace, id)
    assert restored.missing == ()
    assert [one.name for one in again.layers] == [one.name for one in viewer.layers]
    image = again.layers["slide"]
    layer = slide_layer(again, image)
    assert layer.multiscale
    assert not layer.editable
    assert record_of(layer)["runs"], "how the labels were made"
    np.testing.assert_array_equal(layer.data[0], before)
    assert layer.data[0][750, 249] == 9
    # The region is one of it, and what is decided there goes on to be written.
    (region,) = [found for one in again.layers if (found := region_of(again, one)) is not None]
    assert region.store is store_of(layer)
    region.labels.data_setitem((np.array([0]), np.array([0])), 2)
    Decisions.of(region).write()
    assert layer.data[0][600, 100] == 2
    store_of(layer).close()


def test_a_workspace_that_was_moved_brings_its_slides_along(viewer, source, store, workspace, tmp_path):
    decide(viewer, source)
    id = record(viewer, workspace.sessions)
    store.close()
    shutil.move(workspace.folder, tmp_path / "elsewhere")
    again, restored = come_back(Workspace(tmp_path / "elsewhere"), id)
    assert restored.missing == ()
    found = store_of(slide_layer(again, again.layers["slide"]))
    assert found.folder == tmp_path / "elsewhere" / "slides" / "slide-1"
    assert sum(region_of(again, one) is not None for one in again.layers) == 1
    found.close()


def test_labels_that_are_gone_are_told_and_the_rest_comes_back(viewer, source, store, workspace):
    id = record(viewer, workspace.sessions)
    store.close()
    shutil.rmtree(store.folder)
    again, restored = come_back(workspace, id)
    assert [one.name for one in again.layers] == ["slide"]
    (sentence,) = restored.missing
    assert "is not there any more" in sentence


def test_labels_that_another_program_is_at_are_told(viewer, source, store, workspace):
    id = record(viewer, workspace.sessions)
    _, restored = come_back(workspace, id)
    assert "Another program is labelling" in restored.missing[0]


def test_napari_and_the_shell_read_such_a_session(viewer, source, store, workspace):
    id = record(viewer, workspace.sessions)
    store.close()
    with closing(workspace.sessions.read(id)) as content:
        found, notes = labels_of(content, id)
        (data,) = [data for data, _, kind in layer_data(content) if kind == "labels"]
    assert found == []
    assert "use the dock Export" in notes[0]
    assert (np.asarray(data[0])[:700] == 1).all()


def test_a_class_keeps_its_name_when_its_region_is_closed(viewer, source, store):
    opened = decide(viewer, source)
    viewer.layers.remove(opened.labels)
    layer = slide_layer(viewer, source)
    assert NERVE in [
        one.model_copy(update={"color": None}) for one in slide_content_of(viewer, layer).classes
    ]
    again = open_region(viewer, source, image_of(source), Region(600, 100, 800, 250), ())
    assert "nerve" in [one.name for one in classes_of(again.labels)]
    # In another session, without the layer of this one.
    store.close()
    assert "nerve" in [one.name for one in SlideStore.look(store.folder).named_classes()]


def test_a_region_takes_no_name_back_that_was_given_in_another(viewer, source, store):
    first = open_region(viewer, source, image_of(source), Region(0, 0, 100, 100), ())
    second = open_region(viewer, source, image_of(source), Region(0, 200, 100, 300), ())
    named = [
        one.model_copy(update={"name": "sheath"}) if one.value == 1 else one
        for one in classes_of(first.labels)
    ]
    write_classes(first.labels, named)
    Decisions.of(first).write()
    second.labels.data_setitem((np.array([0]), np.array([0])), 2)
    Decisions.of(second).write()
    assert "sheath" in [one.name for one in store.named_classes()]
