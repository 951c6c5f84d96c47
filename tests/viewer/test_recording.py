"""What a person does comes back pixel for pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tifffile
from filled import fill
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.plugins import _initialize_plugins
from napari.utils.colormaps import Colormap, DirectLabelColormap
from recording_case import Recording, back
from recording_edits import Edits, everything, same
from viewer_results import CLASSES

from napari_pseudolabel.viewer import Candidates, Corrections, find_layer, push, record_of, show_preview
from napari_pseudolabel.viewer.effort import EffortLog
from napari_pseudolabel.viewer.recording import fingerprint
from napari_pseudolabel.viewer.result_layers import show_classes
from napari_pseudolabel.workspace.sessions import Batch, Sessions, ViewState


@pytest.fixture
def recording(viewer, sessions):
    return lambda: Recording(viewer, sessions)


@settings(
    max_examples=settings.default.max_examples // 5, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from([(200, 150), (3, 140, 130), (128, 128)]),
    steps=st.lists(st.integers(0, 12), min_size=1, max_size=8),
    dtype=st.sampled_from([np.uint8, np.int32]),
)
def test_random_edits_come_back(tmp_path_factory, seed, shape, steps, dtype):
    sessions = Sessions(tmp_path_factory.mktemp("sessions"))
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros(shape, dtype), name="mine")
    edits = Edits(layer, seed)
    recording = Recording(viewer, sessions)
    for number in steps:
        for _ in range(number):
            edits.one()
        recording.save()
        recording.sweep()
        recording.save()
        found, _ = back(sessions, recording.file.id)
        same(everything(found.layers[0]), everything(layer))
    # The journal writes nothing twice, and goes on in the same file.
    assert recording.save() == 0
    id = recording.close()
    viewer = ViewerModel()
    recording = Recording(viewer, sessions, id)
    same(everything(viewer.layers[0]), everything(layer))
    assert recording.save() == 0
    edits = Edits(viewer.layers[0], seed + 1)
    for _ in range(5):
        edits.one()
    recording.sweep()
    recording.save()
    recording.close()
    found, _ = back(sessions, id)
    same(everything(found.layers[0]), everything(viewer.layers[0]))


def everything_about(layer):
    """What a layer is besides its pixels, without what cannot be the same."""
    _, attributes, kind = layer.as_layer_data_tuple()
    attributes = {key: value for key, value in attributes.items() if key != "metadata"}
    extra = ("brush_size", "selected_label", "contour", "n_edit_dimensions", "preserve_labels", "contiguous")
    attributes |= {name: getattr(layer, name) for name in extra if kind == "labels"}
    return {"kind": kind, **attributes}


def assert_alike(one, other):
    """Compare whatever napari describes a layer with."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_alike(one[key], other[key])
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    elif isinstance(one, DirectLabelColormap):
        assert_alike(
            {str(k): v for k, v in one.color_dict.items()}, {str(k): v for k, v in other.color_dict.items()}
        )
    elif hasattr(one, "model_dump"):
        assert_alike(one.model_dump(), other.model_dump())
    elif isinstance(one, np.ndarray):
        assert one.shape == other.shape
        compare = np.testing.assert_allclose if one.dtype.kind == "f" else np.testing.assert_array_equal
        compare(one, other)
    elif isinstance(one, list | tuple):
        for part, same_part in zip(one, other, strict=True):
            assert_alike(part, same_part)
    else:
        assert one == other


def saved(viewer, sessions):
    recording = Recording(viewer, sessions)
    recording.save()
    recording.sweep()
    recording.save()
    return recording.close()


def test_layers_come_back_as_they_looked(viewer, sessions):
    rng = np.random.default_rng(0)
    placement = {
        "scale": (0.5, 0.25),
        "translate": (3, 4),
        "rotate": 20,
        "shear": [0.1],
        "units": ("um", "um"),
        "axis_labels": ("y", "x"),
        "affine": [[1, 0.2, 0], [0, 1, 5], [0, 0, 1]],
    }
    viewer.add_image(
        rng.random((30, 40)),
        name="sem",
        colormap="magma",
        contrast_limits=(0.2, 0.7),
        gamma=0.8,
        interpolation2d="cubic",
        blending="additive",
        opacity=0.4,
        **placement,
    )
    viewer.layers["sem"].contrast_limits_range = (0.0, 2.0)
    nan = np.full((200, 40), np.nan, np.float32)
    nan[150:, 20:] = 0.5
    viewer.add_image(
        nan, name="confidence", visible=False, colormap=Colormap([[0, 0, 1], [1, 1, 0]], name="own")
    )
    viewer.add_image(rng.integers(0, 255, (20, 30, 3)).astype(np.uint8), name="colours", rgb=True)
    labels = viewer.add_labels(
        rng.integers(0, 3, (30, 40)),
        name="labels",
        metadata={"note": {"by": ["me", 3]}, "object": object()},
        **placement,
    )
    show_classes(labels, CLASSES)
    labels.brush_size, labels.selected_label, labels.contour, labels.preserve_labels = 23, 2, 1, True
    viewer.add_labels(rng.integers(0, 9, (30, 40)).astype(np.int64), name="objects").new_colormap(seed=3)
    viewer.add_shapes(
        [rng.random((4, 2)) * 30, rng.random((2, 2)) * 30],
        shape_type=["polygon", "line"],
        name="shapes",
        edge_color=["red", "blue"],
        face_color=["white", "green"],
        edge_width=[1, 4],
    )
    viewer.add_points(
        rng.random((5, 2)), name="points", size=[3, 4, 5, 6, 7], symbol=["disc", "o", "+", "x", "star"]
    )
    viewer.add_shapes(name="no shapes")
    viewer.add_points(name="no points", ndim=2)
    viewer.layers.move(0, 5)
    viewer.layers.selection = {viewer.layers["sem"], labels}
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 11, 12), 7.5
    found, restored = back(sessions, saved(viewer, sessions))
    assert restored.missing == ()
    assert [layer.name for layer in found.layers] == [layer.name for layer in viewer.layers]
    for one, other in zip(viewer.layers, found.layers, strict=True):
        assert_alike(everything_about(one), everything_about(other))
        assert_alike(list(one.data), list(other.data))
    assert found.layers["labels"].metadata["note"] == {"by": ["me", 3]}
    assert found.layers.selection == {found.layers["sem"], found.layers["labels"]}
    assert found.scene.camera.center == (0, 11, 12)
    assert found.scene.camera.zoom == 7.5


def test_a_stack_comes_back_at_its_slice(viewer, sessions):
    viewer.add_labels(np.zeros((5, 30, 40), np.uint8), scale=(2, 1, 1))
    viewer.dims.set_current_step(0, 3)
    viewer.dims.order = (1, 0, 2)
    viewer.layers.selection.active = viewer.layers[0]
    found, _ = back(sessions, saved(viewer, sessions))
    assert found.layers.selection.active is found.layers[0]
    assert found.dims.current_step == viewer.dims.current_step
    assert found.dims.order == (1, 0, 2)


def test_layers_that_a_run_made_know_their_source_again(viewer, sessions, result):
    source = viewer.add_image(np.zeros((40, 30)), name="sem")
    labels = np.zeros((1, 40, 30), np.uint8)
    labels[0, 10:20] = 1
    made = result(labels)
    candidates = np.stack([labels, 2 * labels], axis=1)
    push(viewer, source, replace(made, candidates=candidates, members=("sample 1", "sample 2")))
    layer = find_layer(viewer, source, "labels")
    layer.paint((3, 4), 2)
    found, _ = back(sessions, saved(viewer, sessions))
    source = found.layers["sem"]
    for role in ("labels", "confidence", "translation"):
        again = find_layer(found, source, role)
        assert again is not None
        assert record_of(again)["runs"] == record_of(find_layer(viewer, viewer.layers["sem"], role))["runs"]
        np.testing.assert_array_equal(again.data, find_layer(viewer, viewer.layers["sem"], role).data)
    again = find_layer(found, source, "labels")
    assert Corrections.of(again).share() == Corrections.of(layer).share() > 0
    known = Candidates.of(again)
    assert known.names == ("sample 1", "sample 2")
    np.testing.assert_array_equal(known.labels(1), 2 * labels[0])
    # The next run writes into the same layers.
    push(found, source, result(labels))
    assert len(found.layers) == 4


def test_undone_predictions_are_known_after_coming_back(viewer, sessions):
    layer = viewer.add_labels(np.zeros((40, 30), np.uint8))
    corrections = Corrections.of(layer)
    fill(corrections, [()], (slice(0, 20), slice(0, 30)), np.ones((1, 20, 30), np.uint8))
    layer.paint((5, 5), 2)
    found, _ = back(sessions, saved(viewer, sessions))
    again = Corrections.of(found.layers[0])
    found.layers[0].data_setitem(np.nonzero(again.mask), 1)
    assert again.mask.any()
    found.layers[0].undo()
    found.layers[0].data[...] = again.predicted_in((...,))
    assert again.share() == 0


def test_previews_and_other_helpers_are_left_out(viewer, sessions, result):
    source = viewer.add_image(np.zeros((40, 30)), name="sem")
    layer = viewer.add_labels(np.zeros((40, 30), np.uint8))
    show_preview(viewer, source, layer, result(np.ones((1, 40, 30), np.uint8)))
    found, _ = back(sessions, saved(viewer, sessions))
    assert [one.name for one in found.layers] == ["sem", "Labels"]


@pytest.fixture
def opened(viewer, tmp_path):
    """A viewer with an image from a file, and labels."""
    _initialize_plugins()  # as every window of napari does
    path = tmp_path / "sem_12.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, (40, 30)).astype(np.uint8))
    viewer.open(path, plugin="napari")
    viewer.layers[0].opacity = 0.3
    viewer.add_labels(np.ones((40, 30), np.uint8), name="mine")
    return viewer, path


def save_with_prints(viewer, sessions):
    recording = Recording(viewer, sessions)
    image = recording.recorder.unprinted()
    recording.recorder.printed(image.id, fingerprint(image.layer))
    recording.save()
    recording.sweep()
    assert not any(key.array == "data" for key in recording.journal._digests)
    return recording.close()


def test_an_image_from_a_file_is_opened_again(opened, sessions):
    viewer, path = opened
    found, restored = back(sessions, save_with_prints(viewer, sessions))
    assert restored.missing == ()
    assert found.layers[0].source.path == str(path)
    np.testing.assert_array_equal(found.layers[0].data, viewer.layers[0].data)
    assert found.layers[0].opacity == pytest.approx(0.3)


def test_an_image_file_that_is_gone_or_another_is_told_and_the_labels_come_back(opened, sessions):
    viewer, path = opened
    id = save_with_prints(viewer, sessions)
    path.unlink()
    found, restored = back(sessions, id)
    assert [layer.name for layer in found.layers] == ["mine"]
    assert "sem_12.tif is not there any more" in restored.missing[0]
    tifffile.imwrite(path, np.zeros((40, 30), np.uint8))
    found, restored = back(sessions, id)
    assert [layer.name for layer in found.layers] == ["sem_12", "mine"]
    assert "has changed since" in restored.missing[0]


def test_an_image_that_was_missing_once_comes_back_where_it_was(opened, sessions):
    viewer, path = opened
    viewer.add_labels(np.ones((40, 30), np.uint8), name="others")
    id = save_with_prints(viewer, sessions)
    aside = path.rename(path.with_suffix(".away"))
    recording = Recording(ViewerModel(), sessions, id)
    assert [layer.name for layer in recording.viewer.layers] == ["mine", "others"]
    recording.viewer.layers.move(0, 2)
    recording.save()
    recording.close()
    aside.rename(path)
    found, _ = back(sessions, id)
    assert [layer.name for layer in found.layers] == ["sem_12", "others", "mine"]


@pytest.mark.parametrize(
    ("before", "now", "removed", "kept"),
    [
        ("abc", "bc", "", "abc"),
        ("abc", "cb", "", "acb"),
        ("abc", "ac", "", "abc"),
        ("abc", "ca", "", "cab"),
        ("abc", "", "", "abc"),
        ("abcd", "dx", "b", "acdx"),
    ],
)
def test_what_is_not_open_keeps_its_place(before, now, removed, kept):
    assert "".join(ViewState(order=tuple(now)).keeping(ViewState(order=tuple(before)), removed).order) == kept


def test_the_log_of_edits_comes_back(viewer, sessions):
    layer = viewer.add_labels(np.zeros((40, 30), np.uint8))
    recording = Recording(viewer, sessions)
    layer.paint((5, 5), 2)
    with EffortLog.of(layer).doing("split"):
        layer.data_setitem((np.array([30]), np.array([7])), 1)
    recording.save()
    layer.paint((9, 9), 1)
    recording.save()
    id = recording.close()
    found, _ = back(sessions, id)
    edits = EffortLog.of(found.layers[0]).edits()
    assert [edit.tool for edit in edits] == ["pan_zoom", "split", "pan_zoom"]
    assert edits[1].box == (30, 7, 31, 8)
    assert EffortLog.of(found.layers[0]).take() == ()


def test_a_session_that_is_gone_on_with_gets_only_what_changes(viewer, sessions):
    rng = np.random.default_rng(0)
    layer = viewer.add_labels(rng.integers(0, 3, (400, 300)).astype(np.uint8))
    Corrections.of(layer).confirm((), (slice(0, 300), slice(0, 300)))
    id = saved(viewer, sessions)
    again = ViewerModel()
    recording = Recording(again, sessions, id)
    recording.save()
    recording.sweep()
    assert recording.save() == 0
    again.layers[0].paint((390, 290), 2)
    assert 0 < recording.save() < 30_000
    recording.close()
    (info,) = sessions.list()
    assert info.share_confirmed == pytest.approx(0.75)
    assert info.share_corrected > 0


def test_labels_of_another_shape_or_dtype_replace_what_was_stored(viewer, sessions):
    layer = viewer.add_labels(np.ones((300, 200), np.uint8))
    Corrections.of(layer)
    recording = Recording(viewer, sessions)
    recording.save()
    for data in (np.full((300, 200), 70000, np.int32), np.full((90, 250), 3, np.int32)):
        layer.data = data
        recording.save()
        found, _ = back(sessions, recording.file.id)
        same(everything(found.layers[0]), everything(layer))
    recording.close()


def test_what_was_not_written_is_written_later(viewer, sessions, monkeypatch):
    layer = viewer.add_labels(np.zeros((300, 200), np.uint8))
    Corrections.of(layer).confirm((), (slice(0, 30), slice(0, 30)))
    recording = Recording(viewer, sessions)
    batch = recording.recorder.gather(1.0, force=True)
    recording.recorder.put_back(batch)
    layer.paint((200, 100), 2)
    layer.name = "renamed"
    recording.save()
    found, _ = back(sessions, recording.close())
    same(everything(found.layers["renamed"]), everything(layer))
    assert len(EffortLog.of(found.layers[0]).edits()) == 1


def test_hundreds_of_strokes_stay_small(viewer, sessions):
    rng = np.random.default_rng(0)
    layer = viewer.add_labels(np.zeros((4096, 4096), np.uint8))
    corrections = Corrections.of(layer)
    blocks = rng.integers(0, 3, (1, 128, 128)).repeat(32, axis=1).repeat(32, axis=2)
    fill(corrections, [()], (slice(0, 4096), slice(0, 4096)), blocks.astype(np.uint8))
    recording = Recording(viewer, sessions)
    recording.save()
    for number in range(300):
        layer.brush_size = int(rng.integers(5, 40))
        at, step = rng.uniform(100, 3900, 2), rng.normal(0, 8, 2)
        with layer.block_history():
            for move in range(20):
                layer.paint(tuple(np.clip(at + move * step, 0, 4095)), number % 3, refresh=False)
        if number % 10 == 9:
            recording.save()
    recording.save()
    path = recording.file.path
    recording.close()
    assert path.stat().st_size < 3_000_000


@pytest.mark.parametrize("shape", [(300, 200), (3, 140, 150)])
def test_undo_redo_and_strokes_under_way_are_known_without_looking(viewer, sessions, shape):
    layer = viewer.add_labels(np.zeros(shape, np.uint8))
    recording = Recording(viewer, sessions)
    recording.save()

    def assert_saved():
        recording.save()
        found, _ = back(sessions, recording.file.id)
        np.testing.assert_array_equal(found.layers[0].data, layer.data)

    place = (0,) * (len(shape) - 2)
    with layer.block_history():
        layer.paint((*place, 100, 100), 1)
        assert_saved()
        layer.paint((*place, 130, 140), 2)
        assert_saved()
    for change in (layer.undo, layer.redo, layer.undo):
        change()
        assert_saved()
    layer._begin_stroke()
    layer.paint((*place, 50, 50), 3)
    assert_saved()
    layer._abort_stroke()
    assert not layer.data.any()
    assert_saved()
    recording.close()


def test_a_stroke_under_way_comes_back_as_a_correction(viewer, sessions):
    layer = viewer.add_labels(np.zeros((300, 200), np.uint8))
    Corrections.of(layer)
    recording = Recording(viewer, sessions)
    with layer.block_history():
        layer.paint((100, 100), 1)
        recording.save()
        found, _ = back(sessions, recording.file.id)
    np.testing.assert_array_equal(Corrections.of(found.layers[0]).mask, layer.data == 1)
    recording.close()


def test_attributes_that_napari_does_not_take_leave_the_pixels(viewer, sessions):
    layer = viewer.add_labels(np.eye(40, dtype=np.uint8), name="mine")
    recording = Recording(viewer, sessions)
    recording.save()
    (state,) = recording.file.layers()
    broken = {**state.attributes, "blending": "of a future napari"}
    recording.file.commit(Batch(layers=[state.model_copy(update={"attributes": broken})]))
    found, restored = back(sessions, recording.close())
    assert "mine looks other than before" in restored.missing[0]
    np.testing.assert_array_equal(found.layers["mine"].data, layer.data)
