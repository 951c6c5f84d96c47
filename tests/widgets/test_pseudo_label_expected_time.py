"""How long it will take is said before Run, and asked about before it is long."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.strategies import FoundScale, LabelSettings, run_cost
from napari_pseudolabel.strategies.geometry import Line
from napari_pseudolabel.strategies.model_speed import ModelSpeed
from napari_pseudolabel.strategies.run_cost import RunCost
from napari_pseudolabel.tiling import Covering, TileSettings
from napari_pseudolabel.widgets.pseudo_label import expected
from napari_pseudolabel.widgets.pseudo_label.label_sentences import expected_text
from napari_pseudolabel.widgets.pseudo_label.start_up import StartUp

IMAGE = from_array(np.zeros((1000, 800), np.uint8), "YX")
SEGMENTER = Card(kind="segmenter", family="monai-unet", name="s", source=Modality(name="B"))
DIFFUSION = Card(
    kind="translator",
    family="syndiff",
    name="t",
    source=Modality(name="A"),
    target=Modality(name="B"),
    architecture={"image_size": 64},
    schedule={"num_timesteps": 4},
)
CPU = LabelSettings(tiles=TileSettings(device="cpu"), scale=Scale(factor=1.0))


def cost(settings=CPU, translator=DIFFUSION, gpu=False):
    return RunCost.of(settings, IMAGE, translator, SEGMENTER, gpu=gpu)


def test_what_takes_longer_is_expected_to():
    usual = cost().seconds((1000, 800))
    assert cost(replace(CPU, samples=2)).seconds((1000, 800)) > 1.9 * usual
    assert cost(translator=None).seconds((1000, 800)) < 0.5 * usual
    assert cost(replace(CPU, flips=0)).seconds((1000, 800)) < usual
    assert cost(replace(CPU, scale=Scale(factor=2.0))).seconds((1000, 800)) > 2 * usual
    assert cost().seconds((350, 350)) < 0.75 * usual
    assert cost().seconds((1000, 800), planes=10) == pytest.approx(10 * usual)
    auto = replace(CPU, tiles=TileSettings())
    assert cost(auto, gpu=True).seconds((1000, 800)) < usual / 10
    assert cost(auto, gpu=False).seconds((1000, 800)) == usual


def test_a_search_for_the_scale_takes_its_time_where_there_will_be_one():
    known = cost().seconds((350, 350))
    unknown = cost(replace(CPU, scale=Scale()))
    assert unknown.seconds((350, 350)) > 1.5 * known
    assert cost(replace(CPU, find_scale="always")).seconds((350, 350)) > 1.5 * known
    found = FoundScale(0.5, sure=True)
    after = RunCost.of(replace(CPU, scale=Scale()), IMAGE, DIFFUSION, SEGMENTER, gpu=False, found=found)
    assert after.factor == 0.5
    assert after.seconds((350, 350)) < known
    assert unknown.kind == cost().kind


def test_a_measured_rate_tells_what_was_measured():
    before = cost()
    rate = before.rate((1000, 800), 3, 77.0, 1.0)
    assert before.seconds((1000, 800), 3, rate) == pytest.approx(77)
    # At another magnification there was more to do, so the machine is faster than that.
    assert before.rate((1000, 800), 3, 77.0, 2.0) < rate / 2


def test_before_the_first_run_what_models_take_is_measured():
    usual = cost()
    # What is done beside the models takes as long as ever.
    assert 0.1 < usual.rate_at(ModelSpeed(0.35e-6, 0.15e-6)) < 0.2
    alone = cost(translator=None)
    assert 1.5 < alone.rate_at(ModelSpeed(0, 3e-6)) < 2


def test_fine_pixels_of_a_large_image_cost_though_models_see_few():
    coarse = cost(replace(CPU, scale=Scale(factor=0.05)))
    networks = coarse._work((1000, 800), 1, ModelSpeed(3.5e-6, 1.5e-6)) - coarse._work(
        (1000, 800), 1, ModelSpeed(0, 0)
    )
    assert coarse.seconds((1000, 800)) > 2 * networks


@pytest.mark.parametrize("side", [80, 200, 350, 1000])
def test_the_work_is_that_of_the_tiles(side):
    """By one axis, as the tiles of the shipped models lie over a plane of 1000 pixels."""
    whole, wide = (
        layout.grid((1000, 1000), TileSettings(), None).rows
        for layout in (Covering(128, 16, 4, 64), Covering(256, 32, 16))
    )
    line = Line(1000, 1000, whole, (wide,))
    seen = [
        line.block((start, start + side))
        for start in range((1000 - side) // 4, (1000 - side) * 3 // 4 + 1, 13)
    ]
    computed = np.mean([block.view.axis.tile * len(block.view.axis.starts) for block in seen])
    judged = np.mean([len(block.segmenter_views[0].axis.starts) for block in seen]) * wide.tile
    speed = ModelSpeed(1.0, 0.0), ModelSpeed(0.0, 1.0)
    found = replace(cost(), plane=(1000, 1000), evaluations=1, looks=1)
    for one, counted in zip(speed, (computed, judged), strict=True):
        expected = found._work((side, side), 1, one) / run_cost._BESIDE
        assert expected == pytest.approx(counted**2, rel=0.4)


def test_jobs_of_another_kind_have_rates_of_their_own():
    kinds = {
        cost().kind,
        cost(translator=None).kind,
        cost(replace(CPU, flips=0)).kind,
        cost(replace(CPU, samples=2)).kind,
        cost(replace(CPU, tiles=TileSettings()), gpu=True).kind,
    }
    assert len(kinds) == 5
    assert cost(replace(CPU, scale=Scale(factor=2.0))).kind == cost().kind


@pytest.mark.parametrize(
    ("view", "whole", "sentence"),
    [
        (40, 1500, "About 40 s for the view; about 25 min for the whole image."),
        (39, 40, "About 40 s for the whole image."),
        (None, 9000, "About 2.5 h for the whole image."),
    ],
)
def test_the_sentence(view, whole, sentence):
    assert expected_text(view, whole) == sentence


def finish(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)


def test_it_is_said_before_run_and_not_while_it_runs(dock, script, qtbot):
    assert dock.view.expected.startswith("About ")
    script.gate.clear()
    dock.view.run_button.click()
    assert dock.view.expected == ""
    script.gate.set()
    finish(qtbot, dock)
    assert dock.view.expected.startswith("About ")


@pytest.fixture
def slow(dock, viewer, remembered, monkeypatch):
    """A large image for a slow machine, of which a corner is in view."""
    monkeypatch.setattr(expected, "LONG_S", 1e-9)
    dock.view.regions.choose("all")
    return dock


def test_before_hours_begin_the_person_is_asked(slow, script, qtbot):
    slow.view.run_button.click()
    assert "This will take about" in slow.view.long_question.sentence
    assert not slow.busy
    assert not script.jobs
    slow.view.long_question.cancel_button.click()
    assert slow.view.long_question.sentence == ""
    assert not slow.busy


def test_run_begins_it_all_the_same(slow, script, qtbot):
    slow.view.run_button.click()
    slow.view.long_question.run_button.click()
    finish(qtbot, slow)
    assert len(script.jobs) == 1
    assert slow.view.long_question.sentence == ""


def test_only_the_view_is_chosen_and_labelled(slow, script, qtbot):
    slow.view.run_button.click()
    slow.view.long_question.view_button.click()
    finish(qtbot, slow)
    assert slow.view.choice().where == "view"
    assert len(script.jobs) == 1


def test_another_choice_takes_the_question_back(slow, viewer):
    slow.view.run_button.click()
    assert slow.view.long_question.sentence
    slow.view.regions.choose("view")
    assert slow.view.long_question.sentence == ""


def test_what_a_run_took_is_remembered(dock, viewer, script, remembered, qtbot, monkeypatch):
    monkeypatch.setattr(type(dock.models), "seconds_to_begin", 0.0)
    viewer.add_image(np.zeros((200, 300)), name="large", metadata={"modality": "SEM"})
    # Nobody has to look for the scale.
    dock.expected._found = lambda _: FoundScale(1.0, sure=False)
    dock.view.run_button.click()
    finish(qtbot, dock)
    # The script says that every run takes three seconds.
    assert dock.view.expected == "About 3 s for the whole image."


class Clock:
    """Says what a test says."""

    now = 0.0

    def __call__(self):
        return self.now


def test_what_models_need_to_begin_is_measured_apart_and_remembered(remembered):
    clock, models = Clock(), ("t", "s")
    first = StartUp(remembered, clock)
    usual = first.left(models)
    assert usual > 0
    first.begin(models)
    clock.now = 2.0
    assert first.left(models) == usual - 2
    clock.now = 9.0
    assert first.left(models) == 0, "it takes longer than is usual, but nobody knows how much"
    first.end(models, own_s=1.5)
    assert first.left(models) == 0
    assert StartUp(remembered, clock).left(models) == 7.5, "the next session has to start them again"
    assert StartUp(remembered, clock).left((None, "s")) == usual


def test_the_rate_of_a_run_is_that_of_its_work(dock, viewer, script, remembered, qtbot, monkeypatch):
    """The second estimate: what the first run waited for its models is not waited for again."""
    viewer.add_image(np.zeros((200, 300)), name="large", metadata={"modality": "SEM"})
    dock.expected._found = lambda _: FoundScale(1.0, sure=False)
    monkeypatch.setattr(type(dock.models), "seconds_to_begin", 4.0)
    script.ready = 1.0
    dock.view.run_button.click()
    finish(qtbot, dock)
    # Three seconds, of which one was no work; and four until another worker had the models.
    assert dock.view.expected == "About 6 s for the whole image."
