"""A family of models that exists only here, by one object, is inspected, listed, loaded, picked, and labels."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from families import TRANSLATORS
from qtpy.QtWidgets import QFileDialog, QMenu
from safetensors.numpy import save_file
from toy_family import TOY, add, write

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models import (
    Card,
    families,
    inspect,
    inspect_in_process,
    load_segmenter,
    load_translator,
    named_checkpoints,
    registry,
    write_sidecar,
)
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.offers import Offer, choose
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.strategies import LabelJob, LabelSettings
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.widgets.pseudo_label import label_jobs

FIND_MODELS = label_jobs.FindModels.run
SETTINGS = LabelSettings(flips=0, scale=Scale(factor=1), tiles=TileSettings(device="cpu"), smallest_object=0)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The user's folder of models, with a file and a folder of the family."""
    add(monkeypatch)
    monkeypatch.setattr(
        importlib.import_module("napari_pseudolabel.models.inspect"), "INSPECTED", "toy_family:inspected"
    )
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=os.pathsep)
    monkeypatch.setattr(registry, "sample_folder", lambda: tmp_path / "none")
    monkeypatch.setattr(registry, "models_folder", lambda: tmp_path / "models")
    (tmp_path / "models").mkdir()
    write(tmp_path / "models" / "level.toy", 90)
    write(tmp_path / "models" / "other", 30)
    return tmp_path / "models"


def test_inspected_listed_and_loaded(home):
    assert [one.name for one in named_checkpoints()] == ["user:level", "user:other"]
    for ref, level in (("user:level", 90), (home / "other", 30)):
        found = inspect(ref)
        assert (found.what, found.kind, found.usable, found.card.family) == ("toy", "segmenter", True, "toy")
        assert load_segmenter(ref).level == level
    assert [one.usable for one in inspect_in_process(["user:level", "user:other"])] == [True, True]
    write_sidecar(home / "level.toy", {"kind": "segmenter", "family": "toy", "name": "Ninety"})
    assert next(one.card.name for one in named_checkpoints() if one.card) == "Ninety"


def test_who_declines_says_why(home, tmp_path):
    (tmp_path / "text.txt").write_text("hello")
    write(tmp_path / "wrong.toy", 300)
    with pytest.raises(CheckpointError, match="The level of wrong"):
        load_segmenter(tmp_path / "wrong.toy")
    assert inspect(tmp_path / "wrong.toy").problem == "The level of wrong.toy is not from 0 to 255."
    translator = TRANSLATORS["resnet"](tmp_path)
    with pytest.raises(
        CheckpointError,
        match=r"is not a segmenter: it is no toy, no safetensors file, .*no TorchScript archive, .*and not in an nnU-Net",
    ):
        load_segmenter(translator)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").touch()
    assert "it holds no weights, and none of level.json, " in inspect(tmp_path / "empty").problem
    with pytest.raises(CheckpointError):
        load_translator(home / "level.toy")


def test_a_card_names_a_family_that_there_is():
    with pytest.raises(ValueError, match=r"Input should be .* or 'grey-levels'"):
        Card(kind="segmenter", family="toy")


def test_the_family_that_a_card_names_is_asked_first(tmp_path, monkeypatch):
    """Or else our own takes every safetensors file, by its name."""
    monkeypatch.setattr(families, "FAMILIES", (*families.FAMILIES, TOY))
    path = tmp_path / "level.safetensors"
    for named, home in (("toy", TOY.home), ("monai-unet", monai_unet), ("nnunet", monai_unet)):
        save_file({"a": np.zeros(1)}, path, {"card": json.dumps({"kind": "segmenter", "family": named})})
        assert choose(Offer(path), "segmenter") is home


def test_it_labels(home, tmp_path):
    plane = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    image = from_array(plane, "YX")
    found = LabelJob(image, segmenter="user:level", settings=SETTINGS).run(Control(), LoadedModels())
    np.testing.assert_array_equal(found.labels[0], plane > 90)
    # A translation reaches from 0 to the brightest value of the family.
    curve = str(TRANSLATORS["grey-levels"](tmp_path))
    low, high = (
        LabelJob(image, curve, f"user:{name}", settings=SETTINGS).run(Control(), LoadedModels())
        for name in ("level", "other")
    )
    assert 0 < low.labels.mean() < high.labels.mean() < 1


@pytest.fixture
def listed(script, home, monkeypatch):
    """The dock lists what is there, not what a script says."""
    monkeypatch.setattr(label_jobs.FindModels, "run", FIND_MODELS)


def test_in_the_dock(listed, dock, home, tmp_path, monkeypatch, qtbot):
    box = dock.view.models["segmenter"]
    assert [box.itemData(index) for index in range(box.count())] == ["user:level", "user:other"]
    menus = [action.text() for menu in dock.view.findChildren(QMenu) for action in menu.actions()]
    assert {"Toy model folder …", "nnU-Net model folder …"} <= set(menus)
    asked = []
    path = write(tmp_path / "browsed.toy", 10)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *given: asked.append(given[-1]) or (path, ""))
    dock.models.browse("segmenter", False)
    qtbot.waitUntil(lambda: (dock.models.chosen("segmenter").card or Card) is not Card, timeout=20000)
    (filters,) = asked
    assert filters.startswith("Checkpoints (*.toy *.safetensors ")
    assert filters.endswith(");;All files (*)")
    assert dock.models.chosen("segmenter").card.family == "toy"
