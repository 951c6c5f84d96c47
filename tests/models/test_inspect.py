"""Every kind of file is named, and nothing from it runs."""

import importlib
import io
import json
import os
import pickle
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from translator_files import (
    Hostile,
    archive,
    discriminator,
    generator,
    patch_discriminator,
    prefixed,
    resnet,
    save_with_omegaconf,
    syndiff_arguments,
)

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models import Card, Inspection, Modality, inspect, inspect_in_process, write_sidecar
from napari_pseudolabel.models.translators import syndiff

MODULE = importlib.import_module("napari_pseudolabel.models.inspect")  # the function hides it
NNUNET = Path(__file__).parents[2].parent / "shared" / "golden" / "nnunet_plain_small" / "model"
needs_nnunet = pytest.mark.skipif(not NNUNET.is_dir(), reason="the folder of recorded runs is not there")


def test_generator(tmp_path):
    path = tmp_path / "gen_diffusive_1_50.pth"
    torch.save(prefixed(generator()), path)
    found = inspect(path)
    assert found.what.startswith("SynDiff generator (2 levels, tiles of 32 pixels")
    assert (found.kind, found.usable, found.problem) == ("translator", True, None)
    assert found.parameters == sum(w.numel() for w in generator().values())
    assert "nz" in found.inferred
    assert "num_timesteps" in found.assumed
    assert "source.pixel_size_um" in found.missing
    assert any("gen_diffusive_1_50.card.json" in warning for warning in found.warnings)
    write_sidecar(path, {"num_timesteps": 4, "source": {"name": "SEM", "pixel_size_um": 0.1}})
    found = inspect(path)
    assert "num_timesteps" not in found.assumed
    assert found.missing == ("target.name", "target.pixel_size_um")
    assert Inspection.model_validate_json(found.model_dump_json()) == found


def test_archives(tmp_path):
    torch.save(archive(syndiff_arguments()), tmp_path / "content.pth")
    found = inspect(tmp_path / "content.pth")
    assert found.what.startswith("SynDiff training archive, gen_diffusive_1")
    assert found.contents[:2] == ("gen_diffusive_1", "gen_diffusive_2")
    assert {"disc_diffusive_1", "gen_non_diffusive_1to2"} <= set(found.contents)
    assert inspect(tmp_path / "content.pth", which=2).contents[0] == "gen_diffusive_2"
    save_with_omegaconf(tmp_path / "content.pth", {"model_config": {"num_timesteps": 8}})
    assert inspect(tmp_path / "content.pth").what.startswith("AxonDeepSynth training archive")


def test_resnet(tmp_path):
    torch.save(prefixed(resnet(), "module.module."), tmp_path / "gen_non_diffusive_2to1_50.pth")
    found = inspect(tmp_path / "gen_non_diffusive_2to1_50.pth")
    assert "ResNet" in found.what
    assert found.usable
    assert found.card.architecture["n_blocks"] == 3


def test_own_translator(tmp_path):
    card = Card(
        kind="translator",
        family="syndiff",
        source=Modality(name="SEM", object_size_px=20),
        target=Modality(name="TEM", object_size_px=20),
    )
    found = inspect(syndiff.save(generator(), card, tmp_path / "a.safetensors"))
    assert "napari-pseudolabel" in found.what
    assert found.missing == ()


@pytest.mark.parametrize("state", [discriminator(), patch_discriminator()])
def test_discriminators_are_named_but_not_usable(tmp_path, state):
    torch.save(prefixed(state), tmp_path / "disc.pth")
    found = inspect(tmp_path / "disc.pth")
    assert found.what == "SynDiff discriminator"
    assert not found.usable
    assert "gen_" in found.problem


@pytest.mark.usefixtures("one_process")
def test_torchscript_is_described_without_being_run(tmp_path):
    path = tmp_path / "model.pt"
    torch.jit.save(torch.jit.trace(torch.nn.Conv2d(1, 2, 3), torch.zeros(1, 1, 8, 8)), path)
    found = inspect(path)
    assert found.what == "TorchScript segmenter"
    assert found.missing == ("classes", "normalisation", "source.name", "source.pixel_size_um")
    assert "model.card.json" in found.problem
    classes = [{"name": "background", "value": 0}, {"name": "axon", "value": 1}]
    write_sidecar(path, {"classes": classes, "normalisation": {"kind": "percentile"}})
    found = inspect(path)
    assert (found.kind, found.usable) == ("segmenter", True)


@needs_nnunet
def test_parts_of_an_nnunet_model_lead_to_its_folder():
    for path, words in (
        (NNUNET / "fold_0", "choose the folder above it, model"),
        (NNUNET / "plans.json", "choose the folder that holds it, model"),
        (NNUNET / "dataset.json", "choose the folder that holds it, model"),
        (NNUNET.parent, "choose one of them: model"),
    ):
        found = inspect(path)
        assert not found.usable
        assert "nnU-Net" in found.what
        assert words in found.problem


@needs_nnunet
def test_nnunet_checkpoint_alone_and_in_its_folder(tmp_path):
    path = NNUNET / "fold_0" / "checkpoint_best.pth"
    found = inspect(path)
    assert found.usable
    assert "one fold" in found.warnings[0]
    shutil.copy(path, tmp_path / "checkpoint_best.pth")
    found = inspect(tmp_path / "checkpoint_best.pth")
    assert found.what == "nnU-Net v2 checkpoint"
    assert "folder two levels up" in found.problem


@needs_nnunet
def test_nnunet_folder():
    found = inspect(NNUNET)
    assert (found.what, found.kind, found.usable) == ("nnU-Net v2 model folder", "segmenter", True)
    assert len(found.sha256) == 64


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "text")
    return buffer.getvalue()


def _saved(value) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.pth", b"", "is empty"),
        ("image.png", _png(), "is an image"),
        ("image.pth", _png(), "is an image"),
        ("image.tif", b"II*\0rest", "is an image"),
        ("model.onnx", b"\x08\x07\x12\x07pytorch", "is no ONNX model"),
        ("weights.h5", b"\x89HDF\r\n\x1a\n", "HDF5"),
        ("array.npy", b"\x93NUMPY\x01\x00", "NumPy array"),
        ("text.pth", b"hello world", "no checkpoint of a kind that we know"),
        ("a.card.json", b"{}", "card of a checkpoint"),
        ("a.json", b"{}", "JSON file without weights"),
        ("a.json", b"{", "no valid JSON"),
        ("plans.json", b'{"configurations": {}}', "part of an nnU-Net model"),
        ("zip.pth", _zip(), "zip file"),
        ("a.pth", pickle.dumps({"a": 1}), "a.pth"),
        ("cut.pth", _saved(generator())[:3000], "incomplete or damaged"),
        ("cut.safetensors", b"\x10\0\0\0\0\0\0\0{", "incomplete or damaged"),
        ("text.safetensors", b"hello world", "incomplete or damaged"),
        ("number.pth", _saved(3), "holds a int"),
        ("tensor.pth", _saved(torch.zeros(3)), "a single tensor"),
        ("nothing.pth", _saved({}), "holds nothing"),
        ("lightning.pth", _saved({"epoch": 1, "state_dict": {}}), "epoch, state_dict"),
        ("other.pth", _saved({"conv1.weight": torch.zeros(3)}), "another network, called conv1.weight"),
        ("unet.pth", _saved({"encoder.stages.0.x": torch.zeros(3)}), "folder that holds plans.json"),
        ("half.pth", _saved({"all_modules.0.weight": torch.zeros(3)}), "all_modules.0.weight"),
    ],
)
def test_useless_files_are_one_sentence(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    found = inspect(path)
    assert not found.usable
    assert words in found.problem
    assert found.problem.endswith(".")
    assert "\n" not in found.problem


def test_safetensors_of_others(tmp_path):
    save_file({"unet.weight": torch.zeros(3)}, tmp_path / "a.safetensors")
    assert "another network" in inspect(tmp_path / "a.safetensors").problem
    # A bare generator in safetensors is as good as one in a .pth file.
    save_file(generator(), tmp_path / "b.safetensors")
    assert inspect(tmp_path / "b.safetensors").usable


def test_folders(tmp_path):
    assert "empty" in inspect(tmp_path).problem
    (tmp_path / "a.txt").touch()
    assert "it holds no weights, and none of" in inspect(tmp_path).problem
    (tmp_path / "gen_diffusive_1_50.pth").touch()
    assert "gen_diffusive_1_50.pth" in inspect(tmp_path).problem


def test_a_list_is_looked_at_in_one_other_process(tmp_path, monkeypatch):
    torch.save(prefixed(resnet()), tmp_path / "gen_non_diffusive_2to1_50.pth")
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).write_bytes(b"hello")
    paths = [tmp_path / name for name in ("a.pth", "gen_non_diffusive_2to1_50.pth", "b.pth")]
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(a) or popen(*a, **k))
    monkeypatch.setattr(MODULE, "_file", None)  # not in this one
    found = list(inspect_in_process(paths))
    assert [one.usable for one in found] == [False, True, False]
    assert [one.path for one in found] == [str(path) for path in paths]
    assert len(started) == 1


def test_a_file_that_takes_the_reader_down_is_named(tmp_path, monkeypatch):
    path = tmp_path / "a.pth"
    path.write_bytes(b"hello")
    # Ends the process as a crash in a library does.
    (tmp_path / "crashing.py").write_text("import os\ndef look(path, which): os.abort()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(MODULE, "INSPECTED", "crashing:look")
    (found,) = inspect_in_process([path])
    assert not found.usable
    assert found.problem.startswith("a.pth made the process that reads it crash")


def test_nothing_there():
    with pytest.raises(InputError, match="no checkpoint file"):
        inspect("not-there.pth")


def test_hostile_files_are_named_and_do_nothing(tmp_path):
    trace = tmp_path / "executed"
    for name, value in (
        ("gen.pth", {"module.all_modules.0.weight": Hostile(trace)}),
        ("content.pth", archive(Hostile(trace))),
        ("nnunet.pth", {"network_weights": {}, "hook": Hostile(trace)}),
    ):
        torch.save(value, tmp_path / name)
        found = inspect(tmp_path / name)
        assert "exec" in found.problem
        assert not found.usable
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(Hostile(trace)))
    assert inspect(tmp_path / "raw.pth").problem
    assert not trace.exists()


def test_a_wrong_sidecar_is_reported(tmp_path):
    torch.save(generator(), tmp_path / "a.pth")
    (tmp_path / "a.card.json").write_text(json.dumps({"num_channels_dae": 64}))
    assert "num_channels_dae 64, but the weights have 8" in inspect(tmp_path / "a.pth").problem


STATE = generator()


@settings(
    max_examples=settings.default.max_examples // 2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_mutilated_weights_never_raise_and_never_pass(tmp_path, data):
    """Drop, rename or reshape weights of a good file: always one sentence."""
    state = dict(STATE)
    names = data.draw(st.lists(st.sampled_from(sorted(state)), min_size=1, max_size=5, unique=True))
    for name in names:
        weight = state.pop(name)
        shape = data.draw(st.lists(st.integers(0, 5), max_size=5))
        how = data.draw(st.sampled_from(["drop", "rename", "reshape"]))
        if how == "rename":
            state[
                data.draw(st.sampled_from(["x", "all_modules.", "all_modules.99.W", "z_transform.9.weight"]))
            ] = weight
        elif how == "reshape" and tuple(shape) != tuple(weight.shape):
            state[name] = torch.zeros(shape)
    torch.save(state, tmp_path / "a.pth")
    found = inspect(tmp_path / "a.pth")
    assert not found.usable
    assert found.problem.endswith(".")
