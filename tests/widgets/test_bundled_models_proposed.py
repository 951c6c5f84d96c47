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
from napari_pseudolabel.models.cards import Card, Measure
from napari_pseudolabel.sample_data.contributions import layers_of
from napari_pseudolabel.sample_data.samples import FLUORESCENCE_LIKE, PURPLE_LIKE, SEM_LIKE, TEM_LIKE
from napari_pseudolabel.viewer import KEY
from napari_pseudolabel.widgets.pseudo_label import label_jobs
from napari_pseudolabel.widgets.pseudo_label.catalogue import Catalogue, Way
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


def carried(direction, how, dice):
    return Measure(metric="Dice x", value=dice, data=f"labels carried {direction} by shipped {how}, mean")


MEASURED = {
    "sem-proxy": (carried("TEM -> SEM", "tutorship", 0.85),),
    "tem-axons": (carried("TEM -> SEM", "adaptation", 0.83), carried("SEM -> TEM", "tutorship", 0.9)),
    # Nobody measured anything on fluorescence: there what is possible is tried, at the size that is known all the same.
    # So much better by translation that it is worth the time.
    "purple-proxy": (carried("fluorescence -> purple stain", "tutorship", 0.6),),
    "fluorescence-nuclei": (carried("fluorescence -> purple stain", "adaptation", 0.8),),
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
                architecture={} if "grey" in name else {"image_size": 64},
            ),
        )
    for name, source in SEGMENTERS.items():
        classes = nuclei.CLASSES if source in (FLUORESCENCE, PURPLE) else AXON_CLASSES
        _write(
            folder,
            name,
            Card(
                kind="segmenter",
                family="monai-unet",
                name=name,
                source=source,
                classes=classes,
                quality=MEASURED.get(name, ()),
            ),
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


def own_image(viewer, sample):
    """An image like a sample, as a person brings one: it does not say that it is a sample."""
    data, attributes, _ = layers_of(small(sample))[0]
    metadata = {key: value for key, value in attributes["metadata"].items() if key != KEY}
    return viewer.add_image(data, **{**attributes, "metadata": metadata})


def chosen(dock):
    """What labels the image: a translator, where the strategy takes one, and a segmenter."""
    choice = dock.view.choice()
    return choice.translator if choice.strategy == "adaptation" else None, choice.segmenter


@pytest.mark.parametrize(
    ("sample", "translator", "segmenter"),
    [
        (SEM_LIKE, None, "sample:sem-proxy"),
        (TEM_LIKE, None, "sample:tem-axons"),
        (PURPLE_LIKE, "sample:purple-to-fluorescence", "sample:fluorescence-nuclei"),
        (FLUORESCENCE_LIKE, None, "sample:fluorescence-nuclei"),
    ],
)
def test_models_and_scale_follow_the_sample(sample, translator, segmenter, dock, viewer):
    own_image(viewer, sample)
    assert chosen(dock) == (translator, segmenter)
    assert dock.view.run_button.isEnabled()
    assert dock.view.choice().settings.scale == Scale(object_size_px=sample.object_size_px)


def test_going_from_one_image_to_another_changes_both_models_and_the_scale(dock, viewer):
    for sample in (PURPLE_LIKE, SEM_LIKE):
        own_image(viewer, sample)
    assert chosen(dock) == (None, "sample:sem-proxy")
    assert dock.view.choice().settings.scale == Scale()
    viewer.layers.selection.active = viewer.layers[PURPLE_LIKE.title]
    assert chosen(dock) == ("sample:purple-to-fluorescence", "sample:fluorescence-nuclei")
    assert dock.view.choice().settings.scale.object_size_px


def test_a_scale_that_the_person_chose_is_that_of_its_image(dock, viewer):
    scale = dock.view.settings.answers["scale"]
    scale.which.setCurrentText("Magnification")
    scale.edits[("scale", "factor")].native.setValue(2.5)
    assert dock.view.choice().settings.scale == Scale(factor=2.5)
    viewer.add_image(np.zeros((8, 9)), name="another")
    assert dock.view.choice().settings.scale == Scale()
    viewer.layers.selection.active = viewer.layers["sem_12"]
    assert dock.view.choice().settings.scale == Scale(factor=2.5)


def test_what_the_person_chose_stays_for_such_images_and_is_proposed_the_next_time(
    dock, viewer, script, remembered, qtbot
):
    own_image(viewer, SEM_LIKE)
    assert "Proposed for SEM" in dock.view._explanation.text()
    dock.view.strategy.setCurrentIndex(dock.view.strategy.findData("adaptation"))
    assert "Proposed" not in dock.view._explanation.text()
    for kind, ref in (("translator", "sample:sem-to-tem"), ("segmenter", "sample:tem-axons")):
        dock.view.models[kind].setCurrentIndex(dock.view.models[kind].findData(ref))
    own_image(viewer, SEM_LIKE)
    assert chosen(dock) == ("sample:sem-to-tem", "sample:tem-axons")
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    catalogue = Catalogue(remembered)
    catalogue.put_first(label_jobs.FindModels().run(None, None))
    assert catalogue.way("SEM").strategy == "adaptation"
    assert catalogue.way("SEM").reason == ""
    # Of other images nothing was said.
    assert catalogue.way("TEM").segmenter == "sample:tem-axons"
    assert catalogue.way("TEM").strategy == "segmentation"


def test_on_a_sample_all_ways_are_tried_and_what_is_taken_there_is_no_habit(
    dock, viewer, script, searches, remembered, qtbot
):
    data, attributes, _ = layers_of(small(SEM_LIKE))[0]
    sample = viewer.add_image(data, **attributes)
    assert (dock.view.choice().strategy, dock.view.run_button.text()) == ("auto", "Find and run")
    assert dock.view.choice().segmenter == "sample:sem-proxy"  # loaded ahead
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    assert searches[0].ways[0].segmenter == "sample:sem-proxy"
    dock.view.ways.click(1)
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    taken = (dock.view.choice().strategy, *chosen(dock))
    assert taken != ("segmentation", None, "sample:sem-proxy")
    # An image of the person's own is labelled as ever, now and the next time; the sample as was taken.
    own_image(viewer, SEM_LIKE)
    assert (dock.view.choice().strategy, *chosen(dock)) == ("segmentation", None, "sample:sem-proxy")
    viewer.layers.selection.active = sample
    assert (dock.view.choice().strategy, *chosen(dock)) == taken
    catalogue = Catalogue(remembered)
    catalogue.put_first(label_jobs.FindModels().run(None, None))
    assert catalogue.way("SEM").segmenter == "sample:sem-proxy"
    assert catalogue.way("SEM", sample=True).strategy == "auto"


def test_who_goes_back_to_the_proposal_gets_it_again(remembered):
    catalogue = Catalogue(remembered)
    catalogue.put_first(label_jobs.FindModels().run(None, None))
    proposed = catalogue.way("SEM")
    catalogue.note_used("SEM", replace(proposed, segmenter="sample:sem-axons", reason=""))
    assert catalogue.way("SEM").segmenter == "sample:sem-axons"
    catalogue.note_used("SEM", proposed)
    assert catalogue.way("SEM") == proposed


def test_a_model_that_is_gone_is_not_proposed(remembered):
    catalogue = Catalogue(remembered)
    catalogue.put_first(label_jobs.FindModels().run(None, None))
    catalogue.note_used("SEM", Way("segmentation", None, "user:gone"))
    assert catalogue.way("SEM").segmenter == "sample:sem-proxy"


def test_nobody_guesses_what_modality_an_image_is(remembered):
    catalogue = Catalogue(remembered)
    catalogue.put_first(label_jobs.FindModels().run(None, None))
    assert catalogue.propose("translator") is None
    assert catalogue.propose("segmenter") is None
    assert catalogue.propose("translator", shown=ShownModality("TEM")) == "sample:tem-to-sem"
    # What was used last for other images tells nothing about this one.
    remembered.remember("translator", "sample:sem-to-tem")
    assert catalogue.propose("translator") is None
    assert catalogue.way("") is None


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
    own_image(viewer, SEM_LIKE)
    assert not slow_worker.is_set()
    assert chosen(dock) == (None, "sample:sem-proxy")
    dock.view.strategy.setCurrentIndex(dock.view.strategy.findData("adaptation"))
    box = dock.view.models["translator"]
    box.setCurrentIndex(box.findData("sample:tem-to-sem"))
    slow_worker.set()
    qtbot.waitUntil(lambda: "mine" in [box.itemText(number) for number in range(box.count())], timeout=10000)
    assert chosen(dock)[0] == "sample:tem-to-sem"
