"""What is committed comes back: values, states, edits, lists."""

from __future__ import annotations

import json
import shutil
import threading
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from session_cases import SHAPE, batches, labels_layer, saved, tile_of, tiles_of

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace import Workspace
from napari_pseudolabel.workspace.sessions import (
    TILE_PX,
    ArrayState,
    Batch,
    Edit,
    LayerState,
    Sessions,
    SourceState,
    Summary,
    Tile,
    TileKey,
    ViewState,
)


@pytest.fixture
def sessions(tmp_path):
    return Workspace.open(tmp_path / "effort").sessions


def test_nothing_is_made_before_the_first_session(sessions):
    assert sessions.list() == ()
    assert not sessions.folder.exists()


def test_everything_comes_back_after_closing(sessions):
    array = np.random.default_rng(1).integers(0, 5, SHAPE, np.uint8)
    layers = (
        labels_layer(),
        LayerState(
            id="b",
            kind="image",
            attributes={"contrast_limits": [0.5, float("inf")], "name": "Übersicht", "scale": [0.1, 1e-30]},
            source=SourceState(path="/data/sem_12.tif", reader="napari", position=1, fingerprint="f"),
        ),
        LayerState(id="c", kind="points", attributes={"data": [[1.0, 2.5]], "visible": False}),
    )
    view = ViewState(
        order=("b", "a", "c"), active="a", selected=("a", "c"), camera={"zoom": 2.5}, dims={"point": [1, 0]}
    )
    edits = (
        Edit(1.5, "a", "paint", (0,), (1, 2, 3, 4), 5, 0.25),
        Edit(2.5, "a", "split", (), (0, 0, 9, 9), 1, 15.0),
    )
    summary = Summary(title="sem_12", share_corrected=0.25, share_confirmed=0.125, regions_reviewed=7)
    file = sessions.create()
    size = file.commit(Batch(tiles=tiles_of(array), layers=layers, view=view, edits=edits, summary=summary))
    assert size > 0
    file.close()
    again = sessions.open(file.id)
    np.testing.assert_array_equal(again.array("a", "labels"), array)
    assert again.array("a", "labels").dtype == np.uint8
    assert again.layers() == layers
    assert again.view() == view
    assert again.edits() == edits
    assert again.summary() == summary
    again.close()


def test_an_empty_session_is_one_as_well(sessions):
    file = sessions.create()
    assert (file.layers(), file.view(), file.edits(), file.summary()) == ((), None, (), Summary())
    assert file.commit(Batch()) == 0
    file.close()
    assert [one.note for one in sessions.list()] == [""]


@given(
    st.sampled_from(["bool", "uint8", "int16", "int32", "uint64", "float16", "float32", "float64", ">i4"]),
    st.lists(st.integers(1, 2), max_size=2),
    st.integers(1, 2 * TILE_PX + 3),
    st.integers(1, 2 * TILE_PX + 3),
    st.sampled_from([0, 255, None]),
    st.data(),
)
def test_any_array_comes_back_in_every_bit(tmp_path_factory, dtype, axes, height, width, fill, data):
    shape, kind = (*axes, height, width), np.dtype(dtype).kind
    if (kind != "f" and fill is None) or (fill == 255 and kind == "b"):
        fill = 0
    some = data.draw(hnp.arrays(dtype, (5,), elements={"allow_nan": True} if kind == "f" else None))
    array = np.random.default_rng(0).choice(some, shape)
    file = Sessions(tmp_path_factory.mktemp("sessions")).create()
    state = ArrayState(name="labels", shape=shape, dtype=dtype, fill=fill)
    file.commit(Batch(layers=[LayerState(id="a", kind="image", arrays=(state,))], tiles=tiles_of(array)))
    found = file.array("a", "labels")
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
    file.close()


def test_tiles_that_were_never_written_hold_the_fill(sessions):
    file = sessions.create()
    arrays = tuple(
        ArrayState(name=name, shape=(200, 200), dtype="float32", fill=fill)
        for name, fill in (("zero", 0), ("one", 1.5), ("nan", None))
    )
    file.commit(Batch(layers=[LayerState(id="a", kind="image", arrays=arrays)]))
    assert (file.array("a", "zero") == 0).all()
    assert (file.array("a", "one") == 1.5).all()
    assert np.isnan(file.array("a", "nan")).all()
    file.close()


def test_a_tile_that_is_emptied_takes_no_room(sessions):
    array = np.zeros((300, 300), np.uint8)
    array[5:9, 7:9] = 2
    file = saved(sessions, array)
    assert file.commit(Batch(tiles=[tile_of(array, "a", (), 0, 0)])) > 0
    array[:] = 0
    assert file.commit(Batch(tiles=[tile_of(array, "a", (), 0, 0)])) == 0
    np.testing.assert_array_equal(file.array("a", "labels"), array)
    file.close()


def test_an_array_of_another_shape_or_dtype_begins_anew(sessions):
    file = saved(sessions)
    before = file.array("a", "labels")
    renamed = labels_layer().model_copy(update={"attributes": {"name": "other"}})
    file.commit(Batch(layers=[renamed]))
    np.testing.assert_array_equal(file.array("a", "labels"), before)
    file.commit(Batch(layers=[labels_layer(dtype="int32")]))
    assert not file.array("a", "labels").any()
    assert file.array("a", "labels").dtype == np.int32
    file.close()


def test_a_removed_layer_is_gone_with_its_tiles_but_its_edits_stay(sessions):
    file = saved(sessions)
    edit = Edit(1.0, "a", "paint", (0,), (0, 0, 1, 1), 1, 1.0)
    file.commit(Batch(removed=["a"], edits=[edit]))
    assert file.layers() == ()
    assert file.edits() == (edit,)
    with pytest.raises(InputError, match="no labels"):
        file.array("a", "labels")
    file.commit(Batch(layers=[labels_layer()]))
    assert not file.array("a", "labels").any()
    file.close()


def test_a_layer_can_be_removed_and_added_in_one_step(sessions):
    file = saved(sessions)
    array = np.full(SHAPE, 2, np.uint8)
    file.commit(Batch(removed=["a"], layers=[labels_layer()], tiles=[tile_of(array, "a", (1,), 0, 0)]))
    found = file.array("a", "labels")
    assert (found[1, :TILE_PX, :TILE_PX] == 2).all()
    assert found.sum() == 2 * TILE_PX**2
    file.close()


def wrong_tile(**changes):
    parts = {"layer": "a", "array": "labels", "plane": (0,), "row": 0, "column": 0} | changes
    values = parts.pop("values", np.ones((TILE_PX, TILE_PX), np.uint8))
    return Tile(TileKey(**parts), values)


@pytest.mark.parametrize(
    "tile",
    [
        wrong_tile(layer="b"),
        wrong_tile(array="flags"),
        wrong_tile(plane=()),
        wrong_tile(plane=(2,)),
        wrong_tile(plane=(-1,)),
        wrong_tile(row=3),
        wrong_tile(column=-1),
        wrong_tile(values=np.ones((TILE_PX, TILE_PX), np.int32)),
        wrong_tile(values=np.ones((TILE_PX, 5), np.uint8)),
    ],
)
def test_a_tile_that_does_not_fit_is_refused_with_everything_beside_it(sessions, tile):
    file = saved(sessions)
    before = file.array("a", "labels")
    with pytest.raises(ValueError, match="tile"):
        file.commit(Batch(tiles=[tile_of(before + 1, "a", (0,), 0, 0), tile], summary=Summary(title="no")))
    np.testing.assert_array_equal(file.array("a", "labels"), before)
    assert file.summary().title == "sem_12"
    file.close()


def test_arrays_that_cannot_be_kept_are_refused(sessions):
    file = sessions.create()
    for state in (
        ArrayState(name="labels", shape=(5, 5), dtype="object"),
        ArrayState(name="labels", shape=(5,), dtype="uint8"),
        ArrayState(name="labels", shape=(5, 5), dtype="rubbish"),
    ):
        with pytest.raises(ValueError, match="labels"):
            file.commit(Batch(layers=[LayerState(id="a", kind="labels", arrays=(state,))]))
    assert file.layers() == ()
    file.close()


LAYERS = st.sampled_from("ab")
ACTIONS = st.one_of(
    st.tuples(
        st.just("tile"), LAYERS, st.integers(0, 1), st.integers(0, 2), st.integers(0, 3), st.integers(0, 3)
    ),
    st.tuples(st.just("layer"), LAYERS, st.sampled_from(["uint8", "int16"])),
    st.tuples(st.just("remove"), LAYERS),
    st.tuples(st.just("edit"), LAYERS, st.integers(0, 99)),
    st.tuples(st.just("view"), st.integers(0, 99)),
    st.tuples(st.just("reopen")),
)


@given(st.lists(ACTIONS, min_size=1, max_size=25))
def test_random_batches_agree_with_a_plain_dictionary(tmp_path_factory, actions):
    sessions = Sessions(tmp_path_factory.mktemp("sessions"))
    file = sessions.create()
    arrays: dict[str, np.ndarray] = {}
    edits: list[Edit] = []
    zoom = None
    for action, *details in actions:
        match action, details:
            case "tile", (layer, plane, row, column, value) if layer in arrays:
                array = arrays[layer]
                array[plane, row * TILE_PX :, column * TILE_PX :][:TILE_PX, :TILE_PX] = value
                file.commit(Batch(tiles=[tile_of(array, layer, (plane,), row, column)]))
            case "layer", (layer, dtype):
                if layer not in arrays or arrays[layer].dtype != dtype:
                    arrays[layer] = np.zeros(SHAPE, dtype)
                file.commit(Batch(layers=[labels_layer(layer, dtype=dtype)]))
            case "remove", (layer,):
                arrays.pop(layer, None)
                file.commit(Batch(removed=[layer]))
            case "edit", (layer, pixels):
                edits.append(Edit(1.0, layer, "paint", (0,), (0, 0, 1, 1), pixels, 0.5))
                file.commit(Batch(edits=edits[-1:]))
            case "view", (number,):
                zoom = number
                file.commit(Batch(view=ViewState(camera={"zoom": zoom})))
            case "reopen", _:
                file.close()
                file = sessions.open(file.id)
    file.close()
    content = sessions.read(file.id)
    assert {one.id for one in content.layers()} == set(arrays)
    for layer, array in arrays.items():
        found = content.array(layer, "labels")
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
    assert list(content.edits()) == edits
    view = content.view()
    assert (view.camera["zoom"] if view else None) == zoom
    content.close()


def test_the_list_tells_what_a_person_wants_to_know_newest_first(sessions):
    begin = datetime.now(UTC)
    first, second = saved(sessions), saved(sessions)
    edit = Edit(1.0, "a", "paint", (0,), (0, 0, 1, 1), 1, 1.0)
    first.commit(
        Batch(edits=[edit, edit], summary=Summary(title="tem_3", share_corrected=0.5, share_confirmed=0.25))
    )
    first.close()
    found = sessions.list()
    assert [one.id for one in found] == [first.id, second.id]
    assert found[0].id.startswith(date.today().isoformat()[:7])
    newest = found[0]
    assert (newest.title, newest.edits, newest.layers, newest.note) == ("tem_3", 2, 1, "")
    assert (newest.share_corrected, newest.share_confirmed) == (0.5, 0.25)
    assert (newest.clean, newest.in_use) == (True, False)
    assert begin <= newest.created <= newest.saved <= datetime.now(UTC)
    assert newest.bytes == newest.path.stat().st_size
    assert (found[1].clean, found[1].in_use) == (False, True)
    second.close()


def test_a_session_counts_as_unfinished_from_opening_to_its_clean_end(sessions):
    file = saved(sessions)
    file.close(finished=False)
    assert [(one.clean, one.in_use) for one in sessions.list()] == [(False, False)]
    file = sessions.open(file.id)
    file.close()
    file.close()
    assert [one.clean for one in sessions.list()] == [True]
    sessions.open(file.id).close(finished=False)
    assert [one.clean for one in sessions.list()] == [False]


def test_a_closed_session_says_so(sessions):
    file = saved(sessions)
    file.close()
    for action in (file.layers, file.view, file.edits, lambda: file.commit(Batch())):
        with pytest.raises(InputError, match="is closed; open it again"):
            action()


def test_removing_leaves_nothing_behind(sessions):
    one, other = saved(sessions), saved(sessions)
    one.close()
    sessions.remove(one.id)
    assert [found.id for found in sessions.list()] == [other.id]
    assert {path.stem for path in sessions.folder.iterdir()} == {other.id}
    with pytest.raises(InputError, match="There is no session"):
        sessions.remove(one.id)
    other.close()


@pytest.mark.parametrize("id", ["2020-01-01-1", "", "../secret", "a/b"])
def test_unknown_sessions_are_refused(sessions, id):
    saved(sessions).close()
    (sessions.folder.parent / "secret.sqlite").touch()
    for action in (sessions.open, sessions.read, sessions.remove):
        with pytest.raises(InputError, match="There is no session"):
            action(id)


def test_a_copied_session_can_be_opened_under_its_new_name(sessions):
    file = saved(sessions)
    file.close()
    shutil.copy(file.path, sessions.folder / "before the holidays.sqlite")
    assert {one.id for one in sessions.list()} == {file.id, "before the holidays"}
    copy = sessions.open("before the holidays")
    np.testing.assert_array_equal(copy.array("a", "labels"), sessions.read(file.id).array("a", "labels"))
    copy.close()


def test_threads_take_turns(sessions):
    file = sessions.create()
    layers = [labels_layer(str(number), (TILE_PX, TILE_PX)) for number in range(4)]
    file.commit(Batch(layers=layers))
    errors: list[Exception] = []

    def work(layer: str) -> None:
        try:
            for value in range(1, 20):
                array = np.full((TILE_PX, TILE_PX), value, np.uint8)
                file.commit(Batch(tiles=tiles_of(array, layer)))
                assert (file.array(layer, "labels") == value).all()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(layer.id,)) for layer in layers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    file.close()


def test_the_file_stays_small_while_the_same_tiles_change_again_and_again(sessions):
    file = sessions.create()
    sizes = []
    for _, (batch, _) in zip(range(100), batches(0), strict=False):
        file.commit(batch)
        sizes.append(file.path.stat().st_size)
    assert sizes[-1] < 1.5 * sizes[len(sizes) // 2]
    file.close()


def test_states_are_plain_json(sessions):
    text = labels_layer().model_dump_json()
    assert json.loads(text)["arrays"] == [
        {"name": "labels", "shape": [2, 300, 420], "dtype": "uint8", "fill": 0}
    ]
