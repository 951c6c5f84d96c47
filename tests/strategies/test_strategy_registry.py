"""A strategy is one object: Python, provenance and the way back need no other file for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from toy_strategy import TOY, LevelOptions, add

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.options import read, written
from napari_pseudolabel.strategies import Record, Region, registry
from napari_pseudolabel.strategies.again import Extent, again
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.strategies.tutorship import TutorshipOptions
from napari_pseudolabel.training.tutor.tutor_task import TutorSettings

DATA = np.random.default_rng(3).random((70, 90)).astype(np.float32)
IMAGE = from_array(DATA, name="field")


def run(job):
    return job.run(Control(), LoadedModels())


def test_an_added_strategy_labels_and_finds_its_way_back(monkeypatch):
    add(monkeypatch)
    strategy = registry.find("threshold")
    found = run(strategy.job(IMAGE, LabelRequest(options=LevelOptions(0.8))))
    np.testing.assert_array_equal(found.labels[0], DATA > 0.8)
    told = json.loads(json.dumps(found.report.provenance()))
    assert (told["strategy"], told["parameters"]["options"]) == ("threshold", {"level": 0.8})
    assert told["models"] == []
    record = Record.from_provenance(told)
    assert record == Record.of(found.report)
    assert record.options == LevelOptions(0.8)
    part = run(again(record, IMAGE, Extent(Region(10, 20, 50, 60))))
    np.testing.assert_array_equal(part.labels[0], DATA[10:50, 20:60] > 0.8)
    assert part.report.provenance()["strategy"] == "threshold"


def test_without_its_line_it_is_not_known(monkeypatch):
    with monkeypatch.context() as there:
        add(there)
        told = run(TOY.job(IMAGE, LabelRequest(options=LevelOptions()))).report.provenance()
    with pytest.raises(InputError, match="“threshold”, which this version does not know"):
        Record.from_provenance(told)
    known = [one.name for one in registry.listed()]
    assert known[0] == "adaptation"
    with pytest.raises(
        InputError, match=f"no strategy “threshold”; use {', '.join(known[:-1])} or {known[-1]}"
    ):
        registry.find("threshold")


def test_another_segmenter_on_its_labels_is_segmentation(monkeypatch):
    add(monkeypatch)
    record = Record.from_provenance(run(TOY.job(IMAGE, LabelRequest())).report.provenance())
    job = again(record, IMAGE, segmenter="other")
    assert (job.strategy_name, job.segmenter, job.translator) == ("segmentation", "other", None)


# Their options name a folder that nobody can do without.
OF_A_FOLDER = {"phrases", "attention-regions", "query-regions"}


@pytest.mark.parametrize("strategy", registry.STRATEGIES, ids=lambda one: one.name)
def test_every_strategy_says_all_of_itself(strategy):
    assert registry.get(strategy.name) is strategy
    assert strategy.title[0].isupper()
    assert strategy.sentences.endswith(".")
    assert not strategy.does.endswith(".")
    if strategy.recorded:
        needed = "translator" if strategy.by_features else strategy.recorded[0]
        with pytest.raises(InputError, match=f"{strategy.word} needs a {needed}"):
            strategy.job(IMAGE, LabelRequest())
    if strategy.name in OF_A_FOLDER:
        with pytest.raises(InputError, match="Give the folder of a text-to-image model"):
            strategy.job(IMAGE, LabelRequest())
        return
    full = strategy.job(IMAGE, LabelRequest(translator="t", segmenter="s"))
    assert full.strategy_name == strategy.name


@pytest.mark.parametrize("options", [{"level": "high"}, {"levels": 0.5}, [0.5], "0.5", 1])
def test_options_that_cannot_be_read_are_said_and_not_guessed(monkeypatch, options):
    add(monkeypatch)
    told = {"strategy": "threshold", "parameters": {"options": options}}
    with pytest.raises(InputError, match="How these labels were made cannot be read"):
        Record.from_provenance(told)
    with pytest.raises(InputError, match="segmentation has no options"):
        Record.from_provenance(
            {**told, "strategy": "segmentation", "models": [{"role": "segmenter", "path": "s"}]}
        )


def test_options_of_any_type_come_back():
    asked = TutorshipOptions(labelled_images=Path("a"), classes=["axon=1"], training=TutorSettings(steps=3))
    assert read(TutorshipOptions, json.loads(json.dumps(written(asked)))) == asked


def test_names_are_given_once():
    names = [one.name for one in registry.STRATEGIES]
    assert len(set(names)) == len(names)


def test_tutorships_of_older_versions_are_read_whatever_their_options_were_called():
    flat = {
        "classes": ["axon=2"],
        "work_dir": "/somewhere",
        "folds": None,
        "steps": 300,
        "train_samples": None,
    }
    model = {"role": "segmenter", "name": "proxy", "path": "/somewhere/proxy.safetensors", "sha256": "0" * 64}
    found = {"strategy": "tutorship", "models": [model], "parameters": {"options": flat}}
    record = Record.from_provenance(found)
    assert record.options == TutorshipOptions(classes=["axon=2"])
    assert record.segmenter.name == "proxy"
    found["strategy"], found["models"] = "segmentation", [model]
    with pytest.raises(InputError, match="has no options"):
        Record.from_provenance(found)
