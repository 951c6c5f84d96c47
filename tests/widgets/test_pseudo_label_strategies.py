"""The dock lists the strategies of the registry, and compares any number of them on a view."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scripted_engine import MODELS, Script, segmenter
from toy_strategy import TOY, LearnOptions, LevelOptions, add

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import registry
from napari_pseudolabel.viewer import Candidates, find_layer
from napari_pseudolabel.widgets.pseudo_label import label_jobs

PROXY = segmenter("sample:sem-proxy", "SEM")


@pytest.fixture(autouse=True)
def toy(script, monkeypatch):
    add(monkeypatch)
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda self, control, models: (*MODELS, PROXY))
    # What a run says it was made by, as real ones do.
    answer = Script.answer

    def named(self, job):
        whole = answer(self, job)
        whole.labels[:, whole.labels.shape[1] // 2 - rows.get(job.strategy_name, 0) :] = 1
        return replace(whole, report=replace(whole.report, strategy=job.strategy_name))

    rows = {"threshold": 5, "segmentation": 10}
    monkeypatch.setattr(Script, "answer", named)


def choose(dock, name):
    box = dock.view.strategy
    box.setCurrentIndex(box.findData(name))


def label(dock, name, qtbot):
    choose(dock, name)
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy and dock.comparing.settled, timeout=10000)


def test_an_added_strategy_is_in_the_list_with_sentences_and_picture(dock, viewer, script, qtbot):
    view = dock.view
    view.show()
    assert [view.strategy.itemText(number) for number in range(view.strategy.count())] == [
        one.title for one in registry.listed()
    ]
    choose(dock, "threshold")
    assert view._explanation.text() == TOY.sentences
    assert view.picture.isVisible()
    assert view.picture.captions == TOY.captions
    assert not view.models["translator"].isVisible()
    assert not view.models["segmenter"].isVisible()
    assert view.preview_button.isVisible()
    assert (view.hint, view.assumed) == ("", "")
    level = view.own["threshold"].edits["level"]
    qtbot.waitUntil(level.native.isVisible)
    assert level.native.toolTip() == "What is brighter is labelled, from 0 to 1."
    assert level.value == 0.5
    level.value = 0.75
    label(dock, "threshold", qtbot)
    (job,) = script.jobs
    assert job.origin.options == LevelOptions(0.75)
    assert job.strategy_name == "threshold"
    found = job.run(Control(), LoadedModels())
    np.testing.assert_array_equal(found.labels[0], viewer.layers["sem_12"].data > 0.75)
    labels = find_layer(viewer, viewer.layers["sem_12"], "labels")
    assert labels.metadata["napari_pseudolabel"]["runs"][-1]["strategy"] == "threshold"


def test_any_number_of_strategies_is_compared_on_a_view(dock, viewer, qtbot):
    label(dock, "adaptation", qtbot)
    label(dock, "threshold", qtbot)
    qtbot.waitUntil(lambda: "adaptation labels agree" in dock.view.status, timeout=5000)
    label(dock, "segmentation", qtbot)
    qtbot.waitUntil(lambda: "threshold labels agree" in dock.view.status, timeout=5000)
    # 20 and 25 rows of the others, 30 of this one.
    assert f"adaptation labels agree {2 * 20 / (20 + 30):.2f}" in dock.view.status
    assert f"threshold labels agree {2 * 25 / (25 + 30):.2f}" in dock.view.status
    candidates = Candidates.of(find_layer(viewer, viewer.layers["sem_12"], "labels"))
    for name, first in (("adaptation", 20), ("threshold", 15)):
        kept = candidates.labels(candidates.names.index(name))
        assert (kept[first:] == 1).all()
        assert (kept[:first] == 0).all()


def test_an_added_strategy_that_prepares_asks_for_its_options_learns_once_and_labels(
    dock, viewer, script, qtbot
):
    view = dock.view
    view.show()
    choose(dock, "learned")
    share = view.own["learned"].edits["share"]
    qtbot.waitUntil(share.native.isVisible)
    assert view.run_button.text() == "Train and run"
    assert not view.preview_button.isVisible()
    share.value = 0.5
    label(dock, "learned", qtbot)
    (job,) = script.jobs
    assert (job.segmenter.level, job.strategy_name, job.origin.options) == (0.5, "learned", LearnOptions(0.5))
    assert "learned" in {Path(one).parent.name.partition("-")[0] for one in folders(dock)}
    # The same again finds it; another level is learned anew.
    qtbot.waitUntil(lambda: view.hint == "This is prepared already.", timeout=5000)
    assert view.run_button.text().startswith("Run")
    label(dock, "learned", qtbot)
    assert len(folders(dock)) == 1
    share.value = 0.25
    label(dock, "learned", qtbot)
    assert [one.segmenter.level for one in script.jobs] == [0.5, 0.5, 0.75]
    assert len(folders(dock)) == 2
    # What is prepared for one modality is not taken for another; how images are labelled makes no difference.
    view.settings.edits["flips"].native.setValue(0)
    label(dock, "learned", qtbot)
    assert len(folders(dock)) == 2
    dock.preparing["learned"].follow(None, "TEM")
    dock.run()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    assert len(folders(dock)) == 3


def folders(dock):
    """Where something is kept that was prepared."""
    return sorted((dock.preparing["learned"]._workspace().folder / "runs").glob("learned-*/level.txt"))
