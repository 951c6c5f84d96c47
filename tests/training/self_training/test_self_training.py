"""Rounds of learning from what is sure: what they learn from, what they hand out, and that they go on where they were stopped."""

from __future__ import annotations

import pickle
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
from tuning_case import corrected_plane

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.training.common.training_events import Score, TrainStart
from napari_pseudolabel.training.data.target_images import TargetImages
from napari_pseudolabel.training.self_training import self_training
from napari_pseudolabel.training.self_training.self_training_task import (
    Round,
    SelfTrainingSettings,
    Verdict,
    judged,
    stalled,
)
from napari_pseudolabel.training.self_training.target_parts import target_parts
from napari_pseudolabel.training.training_jobs import SelfTrainingJob

pytestmark = pytest.mark.usefixtures("one_thread")

# A network of random weights is sure of nothing.
SETTINGS = SelfTrainingSettings(
    rounds=2,
    round_steps=4,
    batch=2,
    patch=32,
    lr=1e-2,
    least_confidence=0.0,
    harmonise=True,
    harmonise_steps=1,
    patience=9,
    device="cpu",
)


def job(folder, segmenter, *planes, **changes):
    """A self-training of a few steps."""
    images = TargetImages(planes or (corrected_plane(), corrected_plane(seed=1, name="other")))
    return SelfTrainingJob(images, str(segmenter), folder, replace(SETTINGS, **changes))


def stopping_after(steps):
    """A control that cancels after so many steps of trainings."""
    seen = []

    def report(progress):
        if progress.stage.startswith("Learning"):
            seen.append(progress)

    return Control(report=report, cancelled=lambda: len(seen) > steps)


@pytest.fixture(scope="module")
def whole(tiny_segmenter, tmp_path_factory):
    """A run from start to end: its job, what it told, and its result."""
    told = []
    made = job(tmp_path_factory.mktemp("whole"), tiny_segmenter)
    return made, told, made.run(Control(emit=told.append), LoadedModels())


def test_the_rounds_are_reported_and_the_best_is_handed_out(whole, tiny_segmenter):
    _, told, made = whole
    assert tuple(one for one in told if isinstance(one, Round)) == made.rounds
    assert [one.number for one in made.rounds] == [0, 1, 2]
    start = made.rounds[0]
    assert (start.changed, start.surviving) == (0, 1)
    assert all(0 <= one.gated <= 1 and 0 <= one.agreement <= 1 for one in made.rounds)
    assert made.best, "Dice of random weights rises"
    assert f"{start.score.mean:.3f}" in made.sentence
    assert made.path.read_bytes() == made.checkpoint
    card = load_segmenter(made.path).card
    parent = load_segmenter(tiny_segmenter)
    assert card.parent == parent.sha256
    assert (card.name, card.calibration) == ("tiny TEM, self-trained", None)
    assert "2 images without labels" in card.description
    assert "4096 corrected or confirmed pixels" in card.training.data[0] or "6144" in card.training.data[0]
    assert all("not learned from" in one.data for one in card.quality)
    assert card.source.texture.images > 0
    assert "looks agree" in made.rounds[1].sentence


def test_what_is_done_is_found_again(whole):
    asked, _, made = whole
    assert asked.done
    told = []
    found = pickle.loads(pickle.dumps(asked)).run(Control(emit=told.append), LoadedModels())
    assert found.checkpoint == made.checkpoint
    assert (found.rounds, found.sentence) == (made.rounds, made.sentence)
    assert [type(one) for one in told] == [TrainStart, Verdict]
    assert told[-1].sentence == made.sentence


@pytest.mark.parametrize("steps", [1, 8])
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(whole, tiny_segmenter, tmp_path, steps):
    asked = job(tmp_path / "run", tiny_segmenter)
    with pytest.raises(Cancelled):
        asked.run(stopping_after(steps), LoadedModels())
    assert not asked.done
    again = asked.run(Control(), LoadedModels())
    assert again.rounds == whole[2].rounds
    assert again.checkpoint == whole[2].checkpoint


def test_who_finishes_keeps_what_there_is(tiny_segmenter, tmp_path):
    asked = job(tmp_path, tiny_segmenter)
    steps = []
    control = Control(emit=steps.append, wish=lambda: "finish")
    made = asked.run(control, LoadedModels())
    assert (made.best, made.checkpoint, len(made.rounds)) == (0, None, 1)
    assert "stays as it was" in made.sentence
    assert asked.done


def test_a_folder_of_other_images_is_refused(whole, tiny_segmenter):
    asked = whole[0]
    with pytest.raises(InputError, match="holds a training with other data"):
        job(asked.folder, tiny_segmenter, corrected_plane(seed=5)).run(Control(), LoadedModels())


def test_labels_that_nobody_decided_and_those_that_judge_reach_nothing(whole, tiny_segmenter, tmp_path):
    plane = corrected_plane()
    hidden = plane.validation | ~plane.touched
    labels = np.where(hidden, 7 - plane.labels, plane.labels)
    one, other = (
        job(tmp_path / name, tiny_segmenter, given, rounds=1).run(Control(), LoadedModels())
        for name, given in (("as it is", plane), ("changed", replace(plane, labels=labels)))
    )
    teachers = [
        load_segmenter(tmp_path / name / "round-1/teacher.safetensors").network.state_dict()
        for name in ("as it is", "changed")
    ]
    assert all((teachers[0][key] == teachers[1][key]).all() for key in teachers[0])
    assert one.rounds[1].agreement == other.rounds[1].agreement
    assert one.rounds[1].score != other.rounds[1].score


def test_pixels_without_a_value_are_never_taught(tiny_segmenter, monkeypatch, tmp_path):
    plane = corrected_plane()
    image = plane.image.copy()
    image[70:, :] = np.nan
    seen = []
    real = self_training.RoundTraining

    def recorded(number, learned, *arguments, **options):
        seen.extend(learned.planes)
        return real(number, learned, *arguments, **options)

    monkeypatch.setattr(self_training, "RoundTraining", recorded)
    job(tmp_path, tiny_segmenter, replace(plane, image=image), rounds=1, round_steps=1).run(
        Control(), LoadedModels()
    )
    (taught,) = seen
    assert not taught.weight[70:].any()
    assert not taught.weight[plane.held_out].any()
    assert (taught.weight[plane.touched & ~plane.validation] == 1).all()
    learned = plane.touched & ~plane.validation
    assert (taught.labels[learned] == plane.labels[learned]).all()
    assert 0 < taught.weight[64:70].max() < 1


def test_images_that_show_nearly_the_same_tell_about_each_other_and_that_is_said(tiny_segmenter, tmp_path):
    same = corrected_plane(), corrected_plane(name="next")
    other = corrected_plane(seed=1, name="elsewhere")
    # Half the distance of the discs.
    other = replace(other, image=np.roll(other.image, (9, 9), axis=(0, 1)))
    made = job(tmp_path, tiny_segmenter, *same, other, rounds=1, round_steps=1).run(Control(), LoadedModels())
    assert any(note.startswith("2 of 3 parts show nearly the same") for note in made.notes)


def test_a_folder_with_some_corrected_labels(tiny_segmenter, tmp_path):
    for number in range(2):
        plane = corrected_plane(seed=number)
        for part, values in (("images", np.clip(plane.image, 0, 255)), ("right", plane.labels)):
            (tmp_path / part).mkdir(exist_ok=True)
            if part == "images" or number:
                path = tmp_path / part / f"field_{number}.png"
                path.write_bytes(imagecodecs.png_encode(values.astype(np.uint8)))
    images = TargetImages(source=tmp_path / "images", corrected=tmp_path / "right")
    card = load_segmenter(tiny_segmenter).card
    notes = []
    first, second = target_parts(images, card, 9, 0, notes.extend)
    assert not first.decided.touched.any()
    assert second.decided.touched.all()
    assert len(target_parts(images, card, 1, 0, notes.extend)) == 1
    # A quarter judges, in a corner.
    assert second.decided.held_out.mean() == 0.25
    assert any("pixel size" in note for note in notes)
    (tmp_path / "images" / "field_1.png").unlink()
    with pytest.raises(InputError, match="has the name of an image"):
        list(images.known())
    with pytest.raises(InputError, match="no images to learn from"):
        list(TargetImages().known())


def round_of(number, agreement, area=0.3, dice=None):
    """A made-up report."""
    score = None if dice is None else Score(number, dice, {"axon": dice})
    return Round(number, agreement, 0.7, 0.0, {"axon": area}, score=score)


def test_corrected_pixels_decide_where_there_are_some():
    rounds = (round_of(0, 0.8, dice=0.7), round_of(1, 0.9, dice=0.69), round_of(2, 0.7, dice=0.72))
    best, sentence = judged(rounds)
    assert best == 2
    assert "0.700 to 0.720" in sentence
    best, sentence = judged(rounds[:2])
    assert best == 0
    assert "stays" in sentence


def test_agreement_decides_elsewhere_with_a_guard_and_says_that_it_is_no_proof():
    best, sentence = judged((round_of(0, 0.8), round_of(1, 0.85), round_of(2, 1.0, area=0.0)))
    assert best == 1, "labels that are gone agree perfectly"
    assert "no proof" in sentence
    assert judged((round_of(0, 0.8), round_of(1, 0.801)))[0] == 0
    assert "vanished" in judged((round_of(0, 0.8), round_of(1, 1.0, area=0.9)))[1]
    assert judged((round_of(0, 0.8),))[0] == 0


def test_it_ends_where_agreement_stalls():
    rising = tuple(round_of(number, 0.8 + 0.02 * number) for number in range(4))
    assert not stalled(rising, 2)
    assert not stalled(rising[:2], 2)
    assert stalled((*rising, round_of(4, 0.86), round_of(5, 0.8)), 2)
    assert not stalled((*rising, round_of(4, 0.86)), 2)
