"""Fine-tuning translators: it goes on from checkpoints, shows, keeps the best, stops, and survives a kill."""

from __future__ import annotations

import csv
import dataclasses
import os
import pickle
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
import translator_case as case
from killed_process import killed
from safetensors.numpy import load, load_file

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models import load_translator
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.training.common.training_events import Loss, TrainStart, TranslatorPreview
from napari_pseudolabel.training.translator import translator_monitor
from napari_pseudolabel.training.translator.tune_translator import ModalityImages, TuneSettings

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def pair(tmp_path_factory, one_thread):
    return case.write_pair(tmp_path_factory.mktemp("pair"))


def run(job, events=None, **wires):
    tell = (events if events is not None else []).append
    return job.run(Control(emit=tell, **wires), LoadedModels())


def cancelled_after(events, step):
    """Cancels once the training is so far."""
    done = []
    return {
        "report": lambda progress: done.append(progress.done),
        "cancelled": lambda: bool(done) and done[-1] >= step,
    }


def steps_of(path: Path) -> list[int]:
    with path.open() as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_a_job_can_travel(pair, tmp_path):
    job = case.job(tmp_path / "run", pair)
    again = pickle.loads(pickle.dumps(job))
    assert again.title == job.title == "Training the translator SEM to TEM"
    np.testing.assert_array_equal(again.source.planes[1], job.source.planes[1])


def test_a_tuned_pair_has_cards_and_its_start_for_parents(pair, tmp_path, monkeypatch):
    events: list[object] = []
    made = run(case.job(tmp_path / "run", pair), events)
    began, previews = events[0], [event for event in events if isinstance(event, TranslatorPreview)]
    assert isinstance(began, TrainStart)
    assert began.resumed_at == 0
    assert [preview.step for preview in previews] == [0, 2, 4, 6]  # the start, then every second step
    for preview in previews:
        assert preview.crops.shape == (2, 3, 32, 32)
        assert preview.crops.dtype == np.float32
        assert 0 <= preview.crops.min() < preview.crops.max() <= 1
        # Everything but the networks is the same at every look.
        np.testing.assert_array_equal(preview.crops[:, 0], previews[0].crops[:, 0])
        assert {"content", "sharpness", "cycle", "cycle_probed", "hidden"} <= set(preview.measures)
    assert not np.array_equal(previews[1].crops[:, 1], previews[3].crops[:, 1])
    best = max(previews, key=lambda preview: preview.measures["quality"])
    assert [preview.step for preview in previews if preview.best][-1] == best.step == made.step
    assert made.measures == best.measures
    assert made.before == previews[0].measures
    assert (made.steps, made.stopped, made.improved) == (6, "steps", best.step > 0)
    assert f"{best.step}" in made.sentence
    for content, name, start, k in zip(made.checkpoints, made.names, pair, (1, 0), strict=True):
        path = tmp_path / "run" / f"{name}.safetensors"
        assert path.read_bytes() == content
        tuned, parent = load_translator(path), load_translator(start)
        for own, former in (
            (tuned.card.source, parent.card.source),
            (tuned.card.target, parent.card.target),
        ):
            assert own.texture.images > 0  # of what was learned from
            assert own.model_copy(update={"texture": None}) == former
        assert tuned.card.parent == parent.sha256
        assert tuned.card.training.steps == best.step
        assert tuned.card.architecture == parent.card.architecture
        found = {measure.metric: measure.value for measure in tuned.card.quality}
        way = ("target_to_source", "source_to_target")[k]
        assert found["content"] == pytest.approx(best.measures[f"content_{way}"], abs=1e-4)
    pictures = sorted(path.name for path in (tmp_path / "run" / "previews").iterdir())
    assert pictures == ["000000.png", "000002.png", "000004.png", "000006.png"]


def test_the_best_step_is_kept_and_not_the_last(pair, tmp_path, monkeypatch):
    scores = iter([0.1, 0.7, 0.3, 0.5])
    kept = {}
    real = translator_monitor.measure

    def measured(ways, keep):
        score = next(scores)
        kept[score] = ways[0].made.copy()
        return {**real(ways, keep), "content": score**3, "look": 1.0, "sharpness": 1.0}

    monkeypatch.setattr(translator_monitor, "measure", measured)
    events: list[object] = []
    made = run(case.job(tmp_path / "run", pair), events)
    previews = [event for event in events if isinstance(event, TranslatorPreview)]
    assert [preview.best for preview in previews] == [True, True, False, False]
    assert made.step == 2
    best = load_file(tmp_path / "run" / "best.sem-to-tem.safetensors")
    final = load(made.checkpoints[0])
    last = load_translator(tmp_path / "run" / "sem-to-tem.safetensors").network.state_dict()
    for name, weight in final.items():
        np.testing.assert_array_equal(weight, best[name])
        np.testing.assert_array_equal(weight, last[name].numpy())
    # The weights that were kept make what was seen at step 2, and no other step.
    assert not np.allclose(kept[0.7], kept[0.5])


def test_during_the_warm_up_the_trained_generators_stay_as_they_are(pair, tmp_path):
    events: list[object] = []
    run(case.job(tmp_path / "run", pair, steps=20, warm_up=20, preview_every=10), events)
    previews = [event for event in events if isinstance(event, TranslatorPreview)]
    np.testing.assert_array_equal(previews[0].crops, previews[-1].crops)
    losses = [event for event in events if isinstance(event, Loss)]
    assert [set(loss.losses) >= {"critic", "imitation"} for loss in losses] == [True, True]
    assert losses[1].losses["imitation"] < losses[0].losses["imitation"]


def test_a_cancelled_job_goes_on_as_if_nothing_had_happened(pair, tmp_path):
    whole_events: list[object] = []
    whole = run(case.job(tmp_path / "whole", pair), whole_events)
    events: list[object] = []
    with pytest.raises(Cancelled):
        run(case.job(tmp_path / "stopped", pair), **cancelled_after(events, 3))
    assert not (tmp_path / "stopped" / "sem-to-tem.safetensors").exists()
    again = run(case.job(tmp_path / "stopped", pair), events)
    assert events[0].resumed_at == 3
    assert [event.step for event in events if isinstance(event, TranslatorPreview)] == [4, 6]
    assert (again.step, again.steps, again.sentence) == (whole.step, whole.steps, whole.sentence)
    for one, other in zip(again.checkpoints, whole.checkpoints, strict=True):
        for name, weight in load(one).items():
            np.testing.assert_allclose(weight, load(other)[name], rtol=1e-4, atol=1e-5, err_msg=name)
    assert again.measures == pytest.approx(whole.measures, abs=1e-4)
    assert again.before == pytest.approx(whole.before, abs=1e-4)
    # A finished job that runs again only hands out what it made.
    events.clear()
    assert run(case.job(tmp_path / "stopped", pair), events).checkpoints == again.checkpoints
    assert not [event for event in events if not isinstance(event, TrainStart)]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_job_goes_on_without_repeated_rows(pair, tmp_path):
    # States are written at steps 0, 4, 8 and 12, before and after a look. Killed while the one of step 12 is half
    # there before the look (the 6th), and after it (the 7th): rows of steps 10 and 12 are already in the curves.
    for folder, write in (("8", 6), ("12", 7)):
        killed(partial(case.run, case.job(tmp_path / folder, pair, **case.KILLED)), write)
    once = run(case.job(tmp_path / "whole", pair, **case.KILLED))
    for resumed_at in (8, 12):
        folder = tmp_path / str(resumed_at)
        assert not (folder / "sem-to-tem.safetensors").exists()
        assert steps_of(folder / "losses.csv") == [10]
        assert steps_of(folder / "measures.csv") == list(range(0, resumed_at + 1, 4))
        events: list[object] = []
        made = run(case.job(folder, pair, **case.KILLED), events)
        assert events[0].resumed_at == resumed_at
        for one, other in zip(made.checkpoints, once.checkpoints, strict=True):
            for name, weight in load(one).items():
                np.testing.assert_allclose(weight, load(other)[name], rtol=1e-4, atol=1e-5, err_msg=name)
        assert steps_of(folder / "losses.csv") == [10]
        assert steps_of(folder / "measures.csv") == [0, 4, 8, 12]


def test_a_person_can_stop_and_keep_what_there_is(pair, tmp_path):
    events: list[object] = []
    seen = []
    made = run(
        case.job(tmp_path / "run", pair, preview_every=100),
        events,
        report=lambda progress: seen.append(progress.done),
        wish=lambda: "finish" if seen and seen[-1] >= 3 else "run",
    )
    assert (made.stopped, made.steps) == ("finish", 3)
    # It looked once more, although no preview was due.
    assert [event.step for event in events if isinstance(event, TranslatorPreview)] == [0, 3]
    assert load_translator(tmp_path / "run" / f"{made.names[0]}.safetensors").card.target.name == "TEM"


def test_a_pause_saves_and_waits(pair, tmp_path):
    folder = tmp_path / "run"
    paused, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def wish():
        if done and done[-1] == 3 and not go_on.is_set():
            paused.set()
            return "pause"
        return "run"

    result = []
    control = Control(report=lambda progress: done.append(progress.done), wish=wish)
    job = case.job(folder, pair, save_every=1000, preview_every=100)
    worker = threading.Thread(target=lambda: result.append(job.run(control, LoadedModels())))
    worker.start()
    assert paused.wait(60)
    while not (folder / "training.pt").exists():
        assert worker.is_alive()
    assert done[-1] == 3
    go_on.set()
    worker.join(60)
    assert result[0].steps == 6


def test_layers_and_folders_come_to_the_grid_of_the_translator(tmp_path):
    from napari_pseudolabel.models.cards import Modality

    grid = Modality(name="SEM", pixel_size_um=0.4, object_size_px=10)
    images = case.layer("SEM", False)
    found, note = images.on_grid(grid)
    assert [plane.shape for plane in found] == [(30, 35)] * 2
    assert note == ""
    assert all(0 <= plane.min() < 0.3 and 0.7 < plane.max() <= 1 for plane in found)
    assert "pixel size" in case.layer("SEM", False, pixel_size_um=None).on_grid(grid)[1]
    sized = case.layer("SEM", False, scale=Scale(object_size_px=5))
    assert sized.on_grid(grid)[0][0].shape == (120, 140)
    for number, plane in enumerate(case.planes(False)):
        tifffile.imwrite(tmp_path / f"{number}.tif", plane)
    folder = ModalityImages("SEM", folder=tmp_path, scale=Scale(pixel_size_um=0.2))
    assert [plane.shape for plane in folder.on_grid(grid)[0]] == [(30, 35)] * 2
    told = []
    dataclasses.replace(folder, scale=Scale()).on_grid(grid, told.extend)
    assert any("The scale is not known of 2 of 2 images" in note for note in told)
    told.clear()
    dataclasses.replace(folder, scale=Scale()).as_they_are(told.extend)
    assert not any("The scale" in note for note in told)
    with pytest.raises(InputError, match="only 4 pixels"):
        case.layer("SEM", False).on_grid(Modality(name="SEM", pixel_size_um=3.0))


def test_patches_come_uniformly_from_the_pixels_of_each_modality(pair, tmp_path):
    small, large = np.full((30, 30), 200, np.uint16), np.full((60, 60), 1000, np.uint16)
    job = dataclasses.replace(
        case.job(tmp_path, pair), source=case.layer("SEM", False, planes=(small, large))
    )
    pools, _, _ = job._images(None)
    values = [float(pools[0].batch(8, 1, seed=1, step=step).mean()) for step in range(300)]
    # The large plane has four fifths of the pixels, and the other modality does not matter.
    assert np.mean(values) == pytest.approx(0.8, abs=0.07)


def test_what_cannot_be_trained_further_is_one_sentence(pair, tmp_path):
    def sentence(**changes):
        with pytest.raises(InputError) as error:
            run(dataclasses.replace(case.job(tmp_path / "run", pair), **changes))
        return str(error.value)

    assert "must go the other way round" in sentence(checkpoints=(pair[0], pair[0]))
    with pytest.raises(InputError, match="either planes or a folder"):
        ModalityImages("SEM")
    with pytest.raises(InputError, match="Steps must be 1 or more"):
        TuneSettings(steps=0)
    (tmp_path / "wide").mkdir()
    wide = case.write_pair(tmp_path / "wide", width=16)
    assert "different size" in sentence(checkpoints=(pair[0], wide[1]))
    run(case.job(tmp_path / "run", pair, steps=1, warm_up=0))
    assert "other" in sentence(settings=dataclasses.replace(case.SETTINGS, batch=2))
