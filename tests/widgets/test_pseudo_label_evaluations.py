"""A preview is the first prediction of a diffusion, and goes on to what a run would make."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scripted_engine import MODELS, measured

from napari_pseudolabel.viewer import find_layer
from napari_pseudolabel.widgets.pseudo_label import label_jobs


def finish(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)


@pytest.fixture
def diffusing(script, monkeypatch):
    """The translators of the dock are diffusions of four steps, measured with the segmenter behind them."""
    about = {
        "translator": {"architecture": {"image_size": 64}, "schedule": {"num_timesteps": 4}},
        "segmenter": {"quality": measured("labels carried TEM -> SEM by shipped adaptation, mean")},
    }
    models = tuple(replace(one, card=one.card.model_copy(update=about[one.kind])) for one in MODELS)
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda *_: models)
    return script


def test_a_preview_is_the_first_prediction_and_then_what_a_run_would_make(diffusing, dock, viewer, qtbot):
    diffusing.gate.clear()
    dock.view.preview_button.click()
    qtbot.waitUntil(lambda: len(diffusing.jobs) == 1, timeout=5000)
    diffusing.gate.set()
    finish(qtbot, dock)
    qtbot.waitUntil(lambda: len(diffusing.jobs) == 2 and not dock.busy, timeout=5000)
    look, rest = diffusing.jobs
    assert [one.settings.evaluations for one in diffusing.jobs] == ["preview", "auto"]
    assert rest.region == look.region
    # What was only looked at has gone, from the provenance too.
    runs = find_layer(viewer, viewer.layers["sem_12"], "labels").metadata["napari_pseudolabel"]["runs"]
    assert [run["parameters"]["evaluations"] for run in runs] == ["auto"]
    assert dock.view.preview_button.isChecked()


def test_where_the_first_prediction_is_what_a_run_makes_a_preview_is_enough(diffusing, dock, qtbot):
    dock.view.settings.edits["evaluations"].value = "preview"
    qtbot.wait(50)
    dock.view.preview_button.click()
    finish(qtbot, dock)
    qtbot.wait(100)
    assert [one.settings.evaluations for one in diffusing.jobs] == ["preview"]


def test_a_preview_that_is_no_longer_looked_at_stays_one(diffusing, dock, qtbot):
    diffusing.gate.clear()
    dock.view.preview_button.click()
    qtbot.waitUntil(lambda: len(diffusing.jobs) == 1, timeout=5000)
    dock.view.preview_button.setChecked(False)
    diffusing.gate.set()
    finish(qtbot, dock)
    assert len(diffusing.jobs) == 1
