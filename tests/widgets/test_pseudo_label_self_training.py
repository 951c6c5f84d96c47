"""Improve on these images: offered after several were labelled, and made from all open images of the kind and what is decided in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scripted_engine import MODELS, segmenter

from napari_pseudolabel.strategies import registry
from napari_pseudolabel.viewer import Corrections, find_layer
from napari_pseudolabel.widgets.pseudo_label import label_jobs

FITTING = segmenter("sample:sem-axons", "SEM")
FOREIGN = segmenter("own:cells", "SEM")
FOREIGN = replace(FOREIGN, card=FOREIGN.card.model_copy(update={"family": "cellpose"}))


@pytest.fixture(autouse=True)
def images(script, monkeypatch, viewer):
    """Another image of the kind, and one of another."""
    monkeypatch.setattr(
        label_jobs.FindModels, "run", lambda self, control, models: (*MODELS, FITTING, FOREIGN)
    )
    random = np.random.default_rng(1)
    viewer.add_image(random.random((40, 60)), name="sem_13", metadata={"modality": "SEM"})
    viewer.add_image(random.random((40, 60)), name="tem_1", metadata={"modality": "TEM"})


def label(dock, viewer, name, qtbot):
    dock.view.image.refill(viewer.layers[name])
    dock.view.choose_strategy("segmentation")
    box = dock.view.models["segmenter"]
    box.setCurrentIndex(box.findData(FITTING.ref))
    qtbot.waitUntil(lambda: dock.view.run_button.isEnabled(), timeout=5000)
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)


def correct(labels, where):
    """Paint class 2 as a person does."""
    at = np.zeros(labels.data.shape, bool)
    at[where] = True
    labels.data_setitem(np.nonzero(at), 2)
    Corrections.of(labels).sync()


def test_it_is_offered_for_several_images_and_learns_from_all_of_them(dock, viewer, qtbot):
    view = dock.view
    view.show()
    label(dock, viewer, "sem_12", qtbot)
    assert not view.improve_button.isVisible()
    label(dock, viewer, "sem_13", qtbot)
    assert view.improve_button.isVisible()
    labels = find_layer(viewer, viewer.layers["sem_12"], "labels")
    correct(labels, np.s_[5:9, 5:9])
    view.improve_button.click()
    assert view.strategy.currentData() == "self-training"
    assert not view.improve_button.isVisible()
    assert view.models["segmenter"].currentData() == FITTING.ref
    part = dock.preparing["self-training"]
    job = part.maker(3, "cpu")()
    by_name = {plane.name: plane for plane in job.images.planes}
    assert set(by_name) == {"sem_12", "sem_13"}
    corrected, other = by_name["sem_12"], by_name["sem_13"]
    assert corrected.touched.sum() == 16
    assert (corrected.labels[5:9, 5:9] == 2).all()
    assert not other.touched.any()
    assert (job.segmenter, job.settings.seed, job.modality) == (FITTING.ref, 3, "SEM")
    # The same again is the same folder; another correction is another training.
    assert part.maker(3, "cpu")().folder == job.folder
    correct(labels, np.s_[30:32, 5:9])
    assert part.maker(3, "cpu")().folder != job.folder
    # What is learned from judges no later training.
    part.committed()
    split = part._workspace().split
    assert split.assigned(corrected.key, corrected.image.shape).sum() == 24
    assert not split.validation(corrected.key, corrected.image.shape).any()


def test_the_strategy_says_that_it_is_experimental():
    strategy = registry.find("self-training")
    assert strategy.preparation.takes_targets
    assert "experimental" in strategy.does.lower()
    assert "Experimental" in strategy.sentences


def test_a_model_that_cannot_learn_here_is_refused_before(dock):
    dock.view.choose_strategy("self-training")
    box = dock.view.models["segmenter"]
    box.setCurrentIndex(box.findData(FOREIGN.ref))
    assert "cells (cellpose) cannot be trained further here" in dock.view.hint
    assert not dock.view.run_button.isEnabled()
    box.setCurrentIndex(box.findData(FITTING.ref))
    assert "cannot be trained" not in dock.view.hint
