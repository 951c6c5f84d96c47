"""BioImage.IO packages: images are prepared as the description says, or it is refused; bioimageio.core says the same."""

from __future__ import annotations

import json

import numpy as np
import pytest
from bioimage_files import SIDE, description, package
from onnx import helper
from onnx_files import model

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.statistics import measure
from napari_pseudolabel.models import inspect, load_segmenter
from napari_pseudolabel.models.segmenters.bioimageio.bioimage_steps import read_steps
from napari_pseudolabel.tiling import TileSettings

SETTINGS = TileSettings(device="cpu")


pytestmark = pytest.mark.usefixtures("one_process")


@pytest.mark.parametrize("name", ["package", "package.zip"])
def test_what_a_package_says_is_on_its_card(tmp_path, name):
    path = package(tmp_path / name)
    found = inspect(path)
    assert found.usable, found.problem
    card = load_segmenter(path).card
    assert (card.name, card.licence, card.authors) == ("Bright cells", "MIT", ("A. Person",))
    assert card.citation == ("Person et al. (10.1234/5)",)
    assert card.source.pixel_size_um == pytest.approx(0.2)
    assert [(one.name, one.value) for one in card.classes] == [("background", 0), ("cell", 1)]
    assert card.architecture.items() >= {"tile": 256, "stride": 16, "output": "probabilities"}.items()
    assert "zero_mean_unit_variance" in card.notes[0]


STEPS = {
    "zero mean": [{"id": "zero_mean_unit_variance", "kwargs": {"axes": ["y", "x"]}}],
    "percentiles": [
        {
            "id": "scale_range",
            "kwargs": {"axes": ["channel", "y", "x"], "min_percentile": 2, "max_percentile": 99},
        }
    ],
    "percentiles, clipped": [
        {"id": "scale_range", "kwargs": {"min_percentile": 2, "max_percentile": 90}},
        {"id": "clip", "kwargs": {"min": 0, "max": 1}},
    ],
    "linear": [
        {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
        {"id": "scale_linear", "kwargs": {"gain": 0.004, "offset": -0.1}},
    ],
    "fixed": [{"id": "fixed_zero_mean_unit_variance", "kwargs": {"mean": 90.0, "std": 40.0}}],
    "linear, then zero mean": [
        {"id": "scale_linear", "kwargs": {"gain": 2.0, "offset": 7.0}},
        {"id": "zero_mean_unit_variance", "kwargs": {"axes": ["y", "x"], "eps": 0.01}},
    ],
}


def same_as_core(path, image):
    """Compare what the network is given and answers with what the package's own library gives and gets."""
    from bioimageio.core import create_prediction_pipeline
    from bioimageio.core.digest_spec import create_sample_for_model
    from bioimageio.spec import load_description

    described = load_description(path / "rdf.yaml", perform_io_checks=False)
    pipeline = create_prediction_pipeline(described, weight_format="onnx")
    sample = create_sample_for_model(described, inputs={"raw": image[None, None]})
    (expected,) = pipeline.predict_sample_without_blocking(sample).members.values()
    found = load_segmenter(path).probabilities(image, settings=SETTINGS)
    np.testing.assert_allclose(found, expected.data.to_numpy()[0], atol=2e-5)
    assert found[1].std() > 0.01


def _squashed():
    """A network whose answer shows every change of its input: sigmoids of the value and of what is left."""
    nodes = [
        helper.make_node("Sigmoid", ["x"], ["p"]),
        helper.make_node("Sub", ["one", "p"], ["q"]),
        helper.make_node("Concat", ["q", "p"], ["y"], axis=1),
    ]
    return model(nodes, {"one": np.float32([1])})


def test_answers_are_those_of_bioimageio(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.gamma(2, 40, (256, 256)).astype(np.float32)
    image[:40] = 0  # statistics count what is zero
    for number, steps in enumerate(STEPS.values()):
        inputs = [{**description(b"")["inputs"][0], "preprocessing": steps, "data": {"type": "float32"}}]
        path = package(tmp_path / str(number), _squashed(), inputs=inputs)
        if number == 0:
            same_as_core(_complete(path), image)
            continue
        data = image[None].astype(np.float64)
        given = read_steps(steps, "bcyx", 1, "it")
        found = given(image[None], measure(from_array(image), [None], given.need))
        for step in steps:
            data = _by_hand(step["id"], step["kwargs"], data)
        np.testing.assert_allclose(found, data, atol=1e-4)


def _by_hand(name, kwargs, data):
    """The formulas of the format's own page."""
    match name:
        case "scale_linear":
            return data * kwargs["gain"] + kwargs["offset"]
        case "fixed_zero_mean_unit_variance":
            return (data - kwargs["mean"]) / kwargs["std"]
        case "zero_mean_unit_variance":
            return (data - data.mean()) / (data.std() + kwargs.get("eps", 1e-6))
        case "scale_range":
            low, high = np.percentile(data, [kwargs["min_percentile"], kwargs["max_percentile"]])
            return (data - low) / (high - low + 1e-6)
        case "clip":
            return data.clip(kwargs["min"], kwargs["max"])
    return data


def _complete(path):
    """What the library wants besides: a documentation, an opset, test images, the kind of data."""
    said = json.loads((path / "rdf.yaml").read_text())
    (path / "README.md").write_text("# It\n")
    shape = (1, 1, SIDE["min"], SIDE["min"])
    for one, channels in ((said["inputs"][0], 1), (said["outputs"][0], 2)):
        name = f"{one['id']}.npy"
        np.save(path / name, np.zeros((shape[0], channels, *shape[2:]), np.float32))
        one["test_tensor"] = {"source": name}
        one["data"] = {"type": "float32"}
    said["documentation"] = "README.md"
    said["weights"]["onnx"]["opset_version"] = 17
    (path / "rdf.yaml").write_text(json.dumps(said))
    return path


REFUSED = {
    "statistics of all channels": ({"id": "scale_range", "kwargs": {}}, "over these axes"),
    "of rows": ({"id": "zero_mean_unit_variance", "kwargs": {"axes": ["x"]}}, "over these axes"),
    "of another image": (
        {"id": "scale_range", "kwargs": {"reference_tensor": "other", "axes": ["y", "x"]}},
        "in this form",
    ),
    "clipped by percentiles": ({"id": "clip", "kwargs": {"min_percentile": 1, "max": 3}}, "in this form"),
    "binarize": ({"id": "binarize", "kwargs": {"threshold": 3}}, "prepares its images by binarize"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_for_a_part_is_refused(case):
    step, words = REFUSED[case]
    with pytest.raises(CheckpointError, match=words):
        read_steps([step], "bcyx", 2, "it")


def test_old_descriptions_are_read(tmp_path):
    steps = [{"name": "zero_mean_unit_variance", "kwargs": {"mode": "per_sample", "axes": "xy"}}]
    raw = {"name": "raw", "axes": "bcyx", "shape": [1, 1, 64, 64], "preprocessing": steps}
    mask = {
        "name": "m",
        "axes": "bcyx",
        "shape": {"reference_tensor": "raw", "scale": [1] * 4, "offset": [0] * 4},
    }
    path = package(tmp_path / "old", name="bioimageio.yaml", inputs=[raw], outputs=[mask])
    assert "write classes into old.card.json" in inspect(path).problem
    segmenter = load_segmenter(path, {"classes": ["background", "cell"]})
    assert segmenter.need.moments
    assert segmenter.card.architecture["tile"] == 64


def _elsewhere(path):
    said = json.loads((path / "rdf.yaml").read_text())
    said["weights"]["onnx"]["source"] = "../other/weights.onnx"
    (path / "rdf.yaml").write_text(json.dumps(said))


PROBLEMS = {
    "other weights": (lambda path: (path / "weights.onnx").write_bytes(b"x"), {}, "another SHA-256"),
    "no weights": (lambda path: (path / "weights.onnx").unlink(), {}, "are not in it"),
    "weights elsewhere": (_elsewhere, {}, "are not in it"),
    "of Keras": (
        None,
        {"weights": {"keras_hdf5": {"source": "a.h5"}}},
        r"no weights that are read here \(keras_hdf5\)",
    ),
    "a data set": (None, {"type": "dataset"}, "of the kind dataset"),
    "no YAML": (lambda path: (path / "rdf.yaml").write_text("a: [1"), {}, "no valid YAML"),
    "repeated": (lambda path: (path / "rdf.yaml").write_text("a: &a [1]\nb: *a"), {}, "by reference"),
    "a text": (lambda path: (path / "rdf.yaml").write_text("words"), {}, "no description"),
    "flows": (
        None,
        {
            "outputs": [
                {**description(b"")["outputs"][0], "postprocessing": [{"id": "cellpose_flow_dynamics"}]}
            ]
        },
        "makes objects of its answers",
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_what_is_wrong_is_one_sentence(tmp_path, case):
    damage, changes, words = PROBLEMS[case]
    path = package(tmp_path / "it", **changes)
    if damage is not None:
        damage(path)
    with pytest.raises(CheckpointError, match=words):
        load_segmenter(path)
    found = inspect(path)
    assert not found.usable or case == "other weights"
