"""How many steps of a diffusion are taken: what is asked, what the card says, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from syndiff_case import WITH_ATTENTION
from torch import nn

from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.models import load_translator
from napari_pseudolabel.models.card_files import read_header_card
from napari_pseudolabel.models.cards import Card, CardEvaluations, EvaluationScores
from napari_pseudolabel.models.evaluations import fast_told, mode_of, steps_of
from napari_pseudolabel.models.registry import sample_folder
from napari_pseudolabel.models.translators import syndiff
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp
from napari_pseudolabel.models.translators.schedule import Schedule
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.tiling import TileSettings


def measured(dice, f1=0.7, fast=(), **more):
    return CardEvaluations(
        fast=fast,
        scores={
            "quality": EvaluationScores(dice={"axon": 0.8, "myelin": 0.8}, f1={"axon": 0.7}),
            "fast": EvaluationScores(dice={"axon": 0.82, "myelin": dice}, f1={"axon": f1}, **more),
        },
    )


def card(known=None):
    return Card(kind="translator", family="syndiff", evaluations=known)


@pytest.mark.parametrize(
    ("known", "usual"),
    [
        (None, "quality"),
        (CardEvaluations(fast=(3, 1)), "quality"),  # nobody has measured it
        (measured(0.80), "fast"),
        (measured(0.791), "fast"),
        (measured(0.789), "quality"),  # the other class is better, and does not make up for it
        (measured(0.80, f1=0.67), "quality"),  # what people count is worse
        (measured(0.80).model_copy(update={"scores": {"fast": measured(0.8).scores["fast"]}}), "quality"),
    ],
)
def test_fast_is_usual_only_where_it_was_measured_to_be_as_good(known, usual):
    assert mode_of(card(known), "auto") == usual
    for asked in ("quality", "fast", "preview"):
        assert mode_of(card(known), asked) == asked


def test_fast_is_not_usual_where_it_is_worse_on_what_was_held_out():
    for dice, usual in ((0.80, "fast"), (0.78, "quality")):
        known = measured(0.8).model_copy(update={"held_out": measured(dice).scores})
        assert mode_of(card(known), "auto") == usual
    only = measured(0.8).model_copy(update={"scores": {}, "held_out": measured(0.8).scores})
    assert mode_of(card(only), "auto") == "quality"


def test_a_class_that_was_not_measured_speaks_against_fast():
    known = measured(0.8)
    scores = {**known.scores, "fast": EvaluationScores(dice={"axon": 0.9}, f1={"axon": 0.9})}
    assert mode_of(card(known.model_copy(update={"scores": scores})), "auto") == "quality"


def test_each_mode_has_its_steps():
    bare, own = card(), card(measured(0.8, fast=(3, 1)))
    assert steps_of(bare, "quality", 4) == (3, 2, 1, 0)
    assert steps_of(bare, "auto", 4) == (3, 2, 1, 0)
    assert steps_of(bare, "fast", 4) == (3, 0)
    assert steps_of(bare, "preview", 4) == (3,)
    assert steps_of(own, "auto", 4) == steps_of(own, "fast", 4) == (3, 1)
    for asked in ("auto", "quality", "fast", "preview"):
        assert steps_of(bare, asked, 1) == (0,)
    with pytest.raises(InputError, match="choose auto, quality, fast or preview"):
        steps_of(bare, "quick", 4)


@pytest.mark.parametrize("fast", [(3, 3), (0, 3), (3, -1)])
def test_steps_that_do_not_lead_down_are_refused(fast):
    with pytest.raises(ValueError, match=r"first down|greater than or equal"):
        CardEvaluations(fast=fast)


@pytest.mark.parametrize("steps", [2, 4, 7])
def test_leaving_steps_out_keeps_the_distribution(steps):
    """Given the clean image, a state that is reached in one jump has the mean and the variance that the forward process gives it."""
    schedule = Schedule.create(steps)
    signal, noise = schedule.signal.double().numpy(), schedule.noise.double().numpy()
    for step in range(steps):
        for target in range(step):
            jump = schedule.jump(step, target)
            # State k of the process is what comes before step k - 1.
            mean = jump.clean + jump.state * signal[step + 1]
            variance = jump.deviation**2 + (jump.state * noise[step + 1]) ** 2
            np.testing.assert_allclose(mean, signal[target + 1], rtol=2e-4)
            np.testing.assert_allclose(variance, noise[target + 1] ** 2, rtol=2e-4)
        assert schedule.jump(step, -1).clean == pytest.approx(1, abs=1e-5)
        assert schedule.jump(step, -1).deviation == 0


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    torch.manual_seed(2)
    network = NCSNpp(WITH_ATTENTION)
    nn.init.normal_(network.all_modules[-1].weight, std=0.3)
    known = measured(0.8, fast=(3, 1), cost=0.5)
    return syndiff.save(network, card(known), tmp_path_factory.mktemp("evaluations") / "t.safetensors")


def test_the_card_decides_unless_something_is_asked_for(path):
    plane = np.random.default_rng(0).random((40, 40), np.float32)
    translator = load_translator(path)
    assert translator.card.evaluations == measured(0.8, fast=(3, 1), cost=0.5)
    asked: list[int] = []
    translator.network.register_forward_pre_hook(lambda _, given: asked.append(int(given[1][0])))

    def made(**how):
        asked.clear()
        found = translate(translator, plane, settings=TileSettings(device="cpu", batch=16), **how).mean
        return found, tuple(dict.fromkeys(asked))

    by_card, steps = made()
    assert steps == (3, 1)
    fast, steps = made(evaluations="fast")
    np.testing.assert_array_equal(fast, by_card)
    quality, steps = made(evaluations="quality")
    assert steps == (3, 2, 1, 0)
    preview, steps = made(evaluations="preview")
    assert steps == (3,)
    assert min(np.abs(quality - fast).mean(), np.abs(preview - fast).mean()) > 1e-3


def test_a_card_of_another_diffusion_is_refused(path):
    said = {"evaluations": {"fast": [5, 0]}}
    with pytest.raises(
        CheckpointError, match="begins with step 5, but a diffusion of 4 steps begins with step 3"
    ):
        load_translator(path, said)
    assert read_header_card(path)["evaluations"]["fast"] == [3, 1]


def test_diffusions_that_come_along_say_what_fewer_steps_cost():
    cards = [Card.model_validate(read_header_card(one)) for one in sample_folder().glob("*-to-*.safetensors")]
    diffusions = [one for one in cards if one.schedule]
    assert len(diffusions) >= 4
    for one in diffusions:
        known = one.evaluations
        assert known is not None, one.name
        assert set(known.scores) == {"quality", "fast", "preview"}
        assert known.scores["fast"].cost < 0.7
        assert known.fast in ((3,), (3, 0))
        assert known.scores["preview"].cost <= known.scores["fast"].cost + 1e-6
        assert known.data in fast_told(one)
        assert fast_told(one).endswith("; usual") == (mode_of(one, "auto") == "fast")
    assert not any(fast_told(one) for one in cards if not one.schedule)
