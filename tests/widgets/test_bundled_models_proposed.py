"""Among all models that come with the package, the dock proposes those for the image, and its scale."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from recipes import axons, nuclei
from safetensors.numpy import save_file

from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.models import registry
from napari_pseudolabel.models.card_files import HEADER_KEY
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.sample_data.contributions import layers_of
from napari_pseudolabel.sample_data.samples import FLUORESCENCE_LIKE, PURPLE_LIKE, SEM_LIKE, TEM_LIKE
from napari_pseudolabel.widgets.pseudo_label import label_jobs
from napari_pseudolabel.widgets.pseudo_label.catalogue import Catalogue
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry, ShownModality
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

TEM, SEM, PURPLE, FLUORESCENCE = axons.TEM, axons.SEM, nuclei.PURPLE, nuclei.FLUORESCENCE
TRANSLATORS = {
    "sem-to-tem": (SEM, TEM),
    "tem-to-sem": (TEM, SEM),
    "purple-to-fluorescence": (PURPLE, FLUORESCENCE),
    "fluorescence-to-purple": (FLUORESCENCE, PURPLE),
}
# Never proposed before those that were trained.
TRANSLATORS |= {f"{name}-grey-levels": ends for name, ends in TRANSLATORS.items()}
SEGMENTERS = {
    "tem-axons": TEM,
    "sem-axons": SEM,
    "sem-proxy": SEM,
    "fluorescence-nuclei": FLUORESCENCE,
    "purple-proxy": PURPLE,
}


@pytest.fixture(autouse=True)
def bundled(tmp_path, monkeypatch, script):
    """Checkpoints with the cards of those that are shipped, without weights."""
    folder = tmp_path / "bundled"
    folder.mkdir()
    for name, (source, target) in TRANSLATORS.items():
        _write(
            folder,
            name,
            Card(
                kind="translator",
                family="grey-levels" if "grey" in name else "syndiff",
                name=name,
                source=source,
                target=target,
            ),
        )
    for name, source in SEGMENTERS.items():
        classes = nuclei.CLASSES if source in (FLUORESCENCE, PURPLE) else AXON_CLASSES
        _write(
            folder,
            name,
            Card(kind="segmenter", family="monai-unet", name=name, source=source, classes=classes),
        )
    monkeypatch.setattr(registry, "sample_folder", lambda: folder)
    monkeypatch.setattr(registry, "models_folder", lambda: tmp_path / "none")
    # The lists are those of the files here, not those of the script.
    found = tuple(label_jobs.entry_of(one, None) for one in registry.named_checkpoints())
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda self, control, models: found)


def _write(folder, name, card):
    weights = {"weight": np.zeros(1, np.float32)}
    save_file(weights, folder / f"{name}.safetensors", {HEADER_KEY: json.dumps(card.model_dump())})


def small(sample):
    """Quick to draw; the content does not matter here."""
    return replace(sample, shape=(48, 64))


def chosen(dock):
    choice = dock.view.choice()
    return choice.translator, choice.segmenter


@pytest.mark.parametrize(
    ("sample", "translator", "segmenter"),
    [
        (SEM_LIKE, "sample:sem-to-tem", "sample:tem-axons"),
        (TEM_LIKE, "sample:tem-to-sem", "sample:sem-axons"),
        (PURPLE_LIKE, "sample:purple-to-fluorescence", "sample:fluorescence-nuclei"),
        (FLUORESCENCE_LIKE, "sample:fluorescence-to-purple", "sample:purple-proxy"),
    ],
)
def test_models_and_scale_follow_the_sample(sample, translator, segmenter, dock, viewer):
    data, attributes, _ = layers_of(small(sample))[0]
    viewer.add_image(data, **attributes)
    assert chosen(dock) == (translator, segmenter)
    assert dock.view.run_button.isEnabled()
    assert dock.view.choice().settings.scale == Scale(object_size_px=sample.object_size_px)


def test_going_from_one_image_to_another_changes_both_models_and_the_scale(dock, viewer):
    for sample in (PURPLE_LIKE, SEM_LIKE):
        data, attributes, _ = layers_of(small(sample))[0]
        viewer.add_image(data, **attributes)
    assert chosen(dock) == ("sample:sem-to-tem", "sample:tem-axons")
    assert dock.view.choice().settings.scale == Scale()
    viewer.layers.selection.active = viewer.layers[PURPLE_LIKE.title]
    assert chosen(dock) == ("sample:purple-to-fluorescence", "sample:fluorescence-nuclei")
    assert dock.view.choice().settings.scale.object_size_px


def test_a_scale_that_the_person_chose_stays_with_images_that_say_nothing(dock, viewer):
    scale = dock.view.settings.answers["scale"]
    scale.which.setCurrentText("Magnification")
    scale.edits[("scale", "factor")].native.setValue(2.5)
    viewer.add_image(np.zeros((8, 9)), name="another")
    assert dock.view.choice().settings.scale == Scale(factor=2.5)


def test_what_was_used_last_is_proposed_only_where_it_fits(dock, viewer, remembered):
    remembered.remember("translator", "sample:sem-to-tem")
    remembered.remember("segmenter", "sample:sem-proxy")
    for sample, segmenter in ((PURPLE_LIKE, "sample:fluorescence-nuclei"), (TEM_LIKE, "sample:sem-proxy")):
        data, attributes, _ = layers_of(small(sample))[0]
        viewer.add_image(data, **attributes)
        assert chosen(dock)[1] == segmenter


def test_nobody_guesses_what_modality_an_image_is(remembered):
    catalogue = Catalogue(remembered)
    catalogue.put_first(label_jobs.FindModels().run(None, None))
    assert catalogue.propose("translator") is None
    assert catalogue.propose("segmenter") is None
    assert catalogue.propose("translator", shown=ShownModality("TEM")) == "sample:tem-to-sem"
    remembered.remember("translator", "sample:sem-to-tem")
    assert catalogue.propose("translator") == "sample:sem-to-tem"


def test_nothing_is_called_missing_while_models_are_looked_for(qtbot):
    view = PseudoLabelView()
    qtbot.addWidget(view)
    boxes = view.models.values()
    assert {box.placeholderText() for box in boxes} == {"looking …"}
    for kind in ("translator", "segmenter"):
        view.set_models(kind, [ModelEntry("sample:one", "one", kind)], None)
    assert [box.placeholderText() for box in boxes] == ["none", "none fits"]


@pytest.fixture
def slow_worker(monkeypatch):
    """A worker that finds the person's own models when it may; what comes with the package needs none."""
    may, found = threading.Event(), tuple(map(entry, registry.named_checkpoints()))
    own = replace(next(one for one in found if one.kind == "translator"), ref="user:mine", title="mine")

    def run(self, control, models):
        may.wait(20)
        return (*found, own)

    monkeypatch.setattr(label_jobs, "bundled", lambda: found)
    monkeypatch.setattr(label_jobs.FindModels, "run", run)
    yield may
    may.set()


def entry(checkpoint):
    return label_jobs.entry_of(checkpoint, None)


def test_what_comes_with_the_package_is_listed_before_any_worker_is_there(slow_worker, dock, viewer, qtbot):
    data, attributes, _ = layers_of(small(SEM_LIKE))[0]
    viewer.add_image(data, **attributes)
    assert not slow_worker.is_set()
    assert chosen(dock) == ("sample:sem-to-tem", "sample:tem-axons")
    box = dock.view.models["translator"]
    box.setCurrentIndex(box.findData("sample:tem-to-sem"))
    slow_worker.set()
    qtbot.waitUntil(lambda: "mine" in [box.itemText(number) for number in range(box.count())], timeout=10000)
    assert chosen(dock)[0] == "sample:tem-to-sem"
