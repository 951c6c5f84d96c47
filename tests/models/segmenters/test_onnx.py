"""ONNX models: read as data, refused by name, and what their outputs mean is known or asked for."""

from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_files import CARD, bright, model, saved

from napari_pseudolabel.engine.packages import pack
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models import inspect, load_segmenter
from napari_pseudolabel.models.card_files import write_sidecar
from napari_pseudolabel.tiling import TileSettings

SETTINGS = TileSettings(device="cpu")


pytestmark = pytest.mark.usefixtures("one_process")


def square() -> np.ndarray:
    image = np.zeros((70, 90), np.float32)
    image[20:50, 30:70] = 255
    return image


FIXED = {"shape": ("N", 48, 48, 1), "last": True}


@pytest.mark.parametrize(
    ("end", "how", "output", "told"),
    [
        ("", {}, "logits", {"layout": "channels_first", "in_channels": 1, "tile": 256}),
        ("Softmax", {}, "probabilities", {}),
        ("Sigmoid", {}, "sigmoid", {}),
        ("", {"shape": ("N", "C", "H", "W")}, "logits", {"layout": "channels_first"}),
        ("", {"shape": ("N", "H", "W", "C"), "last": True}, "logits", {"layout": "channels_last"}),
        ("Softmax", FIXED, "probabilities", {"layout": "channels_last", "tile": 48, "stride": 48}),
    ],
)
def test_axes_tiles_and_outputs_are_told_by_the_graph(tmp_path, end, how, output, told):
    path = saved(bright(end, **how), tmp_path / "m.onnx")
    segmenter = load_segmenter(path, CARD)
    architecture = segmenter.card.architecture
    assert architecture["output"] == output
    assert architecture.items() >= told.items()
    image = square()
    found = segmenter.probabilities(image, settings=SETTINGS)
    np.testing.assert_array_equal(segmenter.labels(found), image > 0)
    assert [(one.name, one.value) for one in segmenter.classes] == [("background", 0), ("cell", 1)]


def test_a_real_answer_is_that_of_the_runtime(tmp_path):
    import onnxruntime
    from onnx_files import of_whole_tile

    path = saved(of_whole_tile(1, 2, 32), tmp_path / "m.onnx")
    image = np.random.default_rng(0).uniform(0, 255, (32, 32)).astype(np.float32)
    (expected,) = onnxruntime.InferenceSession(path.read_bytes()).run(
        None, {"x": image[None, ..., None] / 255}
    )
    found = load_segmenter(path, CARD).probabilities(image, settings=SETTINGS)
    np.testing.assert_allclose(found, expected[0].transpose(2, 0, 1), atol=1e-5)


def _node(operator: str, domain: str = "", **attributes) -> onnx.ModelProto:
    """A model of one operator."""
    return model([helper.make_node(operator, ["x"], ["y"], domain=domain, **attributes)], {})


def _within_if() -> onnx.ModelProto:
    branch = helper.make_graph(
        [helper.make_node("RandomNormalLike", ["x"], ["z"])],
        "branch",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    return model([node], {"c": np.array(True)})


def _elsewhere(place: str) -> onnx.ModelProto:
    made = bright()
    tensor = made.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    tensor.external_data.add(key="location", value=place)
    return made


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (_node("RandomNormalLike"), "not allowed here \\(RandomNormalLike\\)"),
        (_node("Loop"), "not allowed here \\(Loop\\)"),
        (_node("Mine", "of.mine"), "not allowed here \\(of.mine.Mine\\)"),
        (_within_if(), "RandomNormalLike"),
        (_elsewhere("../secret"), "outside of its folder"),
        (_elsewhere("/etc/passwd"), "outside of its folder"),
        (_elsewhere("a.data"), "which is not beside it"),
        (model([], {}, ("N", 1, "H", "W", "D")), "takes arrays of 5 axes"),
        (model([], {}, (4, 1, "H", "W")), "takes 4 images at once"),
        (model([], {}, ("N", 1, 32, 48)), "32 x 48 pixels and no others"),
        (model([], {}, dtype=TensorProto.UINT8), "takes uint8"),
        (bright(shape=("N", 3, "H", "W")), "fails on a 64 x 64 image"),
    ],
)
def test_what_is_refused_is_named(tmp_path, made, words):
    path = saved(made, tmp_path / "m.onnx")
    with pytest.raises(CheckpointError, match=words):
        load_segmenter(path, CARD)


def test_what_the_card_must_say_is_asked_for(tmp_path):
    path = saved(bright(), tmp_path / "m.onnx")
    with pytest.raises(CheckpointError, match=r"classes and normalisation; write them into m\.card\.json"):
        load_segmenter(path)
    fixed = saved(bright(**FIXED), tmp_path / "fixed.onnx")
    with pytest.raises(CheckpointError, match="says tile 64, but the file has 48"):
        load_segmenter(fixed, {**CARD, "tile": 64})
    write_sidecar(path, CARD)
    assert inspect(path).usable
    with pytest.raises(CheckpointError, match="names 3 classes"):
        load_segmenter(path, {**CARD, "classes": ["background", "a", "b"]})


def test_cut_and_changed_files_are_one_sentence(tmp_path):
    whole = bright().SerializeToString()
    rng = np.random.default_rng(0)
    for number in range(60):
        content = bytearray(whole[: len(whole) // 2] if number % 2 else whole)
        for at in rng.integers(len(content), size=4):
            content[at] = rng.integers(256)
        (path := tmp_path / "m.onnx").write_bytes(content)
        found = inspect(path)
        assert found.usable or (found.problem.endswith(".") and "\n" not in found.problem)


def test_weights_beside_the_file_are_read_hashed_and_sent_along(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save_model(bright(), path, save_as_external_data=True, location="m.onnx.data", size_threshold=0)
    first = load_segmenter(path, CARD)
    assert (first.labels(first.probabilities(square())) == (square() > 0)).all()
    assert set(pack(str(path)).files) == {"m.onnx", "m.onnx.data"}
    content = bytearray((tmp_path / "m.onnx.data").read_bytes())
    content[2] ^= 1
    (tmp_path / "m.onnx.data").write_bytes(content)
    assert load_segmenter(path, CARD).sha256 != first.sha256


def test_without_the_library_it_is_named(tmp_path, monkeypatch):
    path = saved(bright(), tmp_path / "m.onnx")
    write_sidecar(path, CARD)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    words = r'pip install "napari-pseudolabel\[onnx\]"'
    with pytest.raises(CheckpointError, match=words):
        load_segmenter(path)
    found = inspect(path)
    assert not found.usable
    assert "napari-pseudolabel[onnx]" in found.problem
