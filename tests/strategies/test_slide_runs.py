"""Runs on large images: what is on disk is what a run in memory gives, and an interrupted one goes on."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import zarr
from fake_models import CLASSES, CPU, Models, Threshold

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.reading import stored_part
from napari_pseudolabel.slides.slide_run import SlideRun
from napari_pseudolabel.slides.slide_store import JOURNAL, confidence_of
from napari_pseudolabel.strategies import LabelJob, LabelSettings, Region
from napari_pseudolabel.strategies.chunks import ViewCentre
from napari_pseudolabel.tiling import Covering, TileSettings


def models(**options):
    return Models(other=Threshold(layout=Covering(32, 8), **options))


class Killed(BaseException):
    """The process ends."""


@pytest.fixture
def image(tmp_path):
    """A lazy image of 6 x 5 chunks, with a hole where it has no values."""
    random = np.random.default_rng(0)
    values = random.random((700, 600)).astype(np.float32)
    values = np.repeat(np.repeat(values[::20, ::20], 20, 0), 20, 1)
    values[100:180, 40:90] = np.nan
    array = zarr.create_array(str(tmp_path / "image.zarr"), shape=values.shape, dtype="f4", chunks=(128, 128))
    array[:] = values
    return from_array(array, "YX", name="slide")


def job(image, run=None, **settings):
    settings = LabelSettings(**{"find_scale": "never", "tiles": CPU, "flips": 1, **settings})
    return LabelJob(image, None, "threshold", settings=settings, kept=run)


def labelled(image, folder, using=None, until=None, region=None, **settings):
    """Run it into a folder; `until` so many parts, when the process is killed."""
    run, got = SlideRun(folder), []

    def keep(part):
        got.append(part)
        if len(got) == until:
            raise Killed

    try:
        report = replace(job(image, run, **settings), region=region).run_parts(
            Control(), using or models(), keep
        )
    finally:
        run.close()
    return run.store, report, got


def test_workers_that_read_the_image_themselves_make_the_same_parts(image, tmp_path, monkeypatch):
    monkeypatch.setattr(stored_part, "_LARGE_BYTES", 0)
    own, run = models(), SlideRun(tmp_path / "run")
    task = replace(job(image, run), region=Region(90, 30, 260, 180))
    plan = task.plan(task.survey.run(Control(), own), Control())
    for chunk in plan.chunks:
        sent = pickle.dumps(plan.sent(chunk))
        assert len(sent) < 30_000, "no pixels travel"
        read, loaded = pickle.loads(sent).run(Control(), own), plan.load(chunk).run(Control(), own)
        np.testing.assert_array_equal(read.labels, loaded.labels)
        np.testing.assert_array_equal(read.confidence, loaded.confidence)
        assert read.made_of == loaded.made_of
        plan.arrived(read)
    run.close()
    assert not task.plan(plan.survey, Control()).chunks, "a run goes on with them"


def test_what_is_kept_is_what_a_run_in_memory_gives(image, tmp_path):
    whole = job(image).run(Control(), models())
    store, report, parts = labelled(image, tmp_path / "run")
    assert len(parts) > 10
    nowhere = np.isnan(whole.confidence[0])
    assert nowhere.any()
    expected = np.where(nowhere, 255, whole.labels[0])
    np.testing.assert_array_equal(np.asarray(store.values.levels[0][:]), expected)
    np.testing.assert_array_equal(np.asarray(store.values.levels[1][:]), expected[::2, ::2])
    np.testing.assert_allclose(
        confidence_of(np.asarray(store.sure.levels[0][:])), whole.confidence[0], atol=0.5 / 254
    )
    assert report.evidence == whole.report.evidence
    assert report.notes == whole.report.notes


@pytest.mark.parametrize("until", [1, 7])
def test_a_killed_run_goes_on_with_what_is_there(image, tmp_path, until):
    _, whole, parts = labelled(image, tmp_path / "whole")
    with pytest.raises(Killed):
        labelled(image, tmp_path / "run", until=until)
    store, report, rest = labelled(image, tmp_path / "run")
    assert len(rest) == len(parts) - until
    reference = np.asarray(zarr.open_group(str(tmp_path / "whole"))["0"][:])
    np.testing.assert_array_equal(np.asarray(store.values.levels[0][:]), reference)
    assert report.evidence == whole.evidence
    assert sorted(report.notes) == sorted(whole.notes)


def test_a_run_that_is_complete_computes_nothing(image, tmp_path):
    _, before, _ = labelled(image, tmp_path / "run")
    using = models()
    _, report, parts = labelled(image, tmp_path / "run", using)
    assert not parts
    assert not using.other.seen
    assert report.evidence == before.evidence


def test_what_a_kill_left_half_is_done_again(image, tmp_path):
    """A line that was cut off, and a part whose pixels did not get to the disk."""
    with pytest.raises(Killed):
        labelled(image, tmp_path / "run", until=5)
    journal = tmp_path / "run" / JOURNAL
    lines = journal.read_bytes()
    journal.write_bytes(lines[:-40])
    group = zarr.open_group(str(tmp_path / "run"))
    reference, _, parts = labelled(image, tmp_path / "whole")
    lost = parts[1].region
    group["0"][lost.window] = 7
    store, _, rest = labelled(image, tmp_path / "run")
    assert len(rest) == len(parts) - 3
    np.testing.assert_array_equal(
        np.asarray(store.values.levels[0][:]), np.asarray(reference.values.levels[0][:])
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"flips": 0}, "other settings"),
        ({"tiles": TileSettings(device="cpu", overlap=4)}, "other settings"),
        ({"smallest_object": 0.2}, "other settings"),
    ],
)
def test_other_settings_do_not_mix(image, tmp_path, change, words):
    with pytest.raises(Killed):
        labelled(image, tmp_path / "run", until=3)
    with pytest.raises(InputError, match=f"unfinished run with {words}"):
        labelled(image, tmp_path / "run", **change)


def test_other_models_regions_and_images_do_not_mix(image, tmp_path):
    with pytest.raises(Killed):
        labelled(image, tmp_path / "run", until=3)
    with pytest.raises(InputError, match="with other models"):
        labelled(image, tmp_path / "run", models(sha256="another"))
    with pytest.raises(InputError, match="with another region"):
        labelled(image, tmp_path / "run", region=Region(0, 0, 99, 99))
    brighter = from_array(np.asarray(image.data) * 2, "YX", name="slide")
    with pytest.raises(InputError, match="other pixels: the image was changed"):
        labelled(brighter, tmp_path / "run")
    with pytest.raises(InputError, match="another image, or other channels"):
        labelled(from_array(np.asarray(image.data)[:-1], "YX"), tmp_path / "run")


def test_a_pixel_that_changed_is_noticed_although_the_statistics_are_the_same(image, tmp_path):
    with pytest.raises(Killed):
        labelled(image, tmp_path / "run", until=3)
    part = np.asarray(image.data[300:320, 20:60])
    image.data[20:40, 20:60], image.data[300:320, 20:60] = part, np.asarray(image.data[20:40, 20:60])
    with pytest.raises(InputError, match="was changed since it was labelled in part"):
        labelled(image, tmp_path / "run")


def test_two_programs_do_not_write_at_once(image, tmp_path):
    with pytest.raises(Killed):
        labelled(image, tmp_path / "run", until=3)
    first = SlideRun(tmp_path / "run")
    first._opened()
    try:
        with pytest.raises(InputError, match="Another program is labelling"):
            labelled(image, tmp_path / "run")
    finally:
        first.close()


def test_a_device_may_change(image, tmp_path):
    with pytest.raises(Killed):
        labelled(image, tmp_path / "run", until=3)
    _, _, rest = labelled(image, tmp_path / "run", tiles=TileSettings(device="auto", batch=2))
    assert rest


def mixed(image, folder, using=None, until=None, lent=None, **settings):
    """Run it as a window does, into a folder of any runs."""
    run, got = SlideRun(folder, mixed=True, lent=lent), []

    def keep(part):
        got.append(part)
        if len(got) == until:
            raise Killed

    try:
        job(image, run, **settings).run_parts(Control(), using or models(), keep)
    finally:
        if lent is None:
            run.close()
    return run, got


def test_a_window_goes_on_with_its_run_and_writes_over_those_with_other_settings(image, tmp_path):
    _, parts = mixed(image, tmp_path / "whole")
    with pytest.raises(Killed):
        mixed(image, tmp_path / "run", until=5)
    _, others = mixed(image, tmp_path / "run", flips=0)
    assert len(others) == len(parts), "nothing of a run with other settings is taken"
    again, rest = mixed(image, tmp_path / "run")
    same = len(parts) - len(rest)
    assert 0 <= same <= 5, "only what the other run left as it was"
    whole, _ = mixed(image, tmp_path / "whole")
    np.testing.assert_array_equal(
        np.asarray(again.store.values.levels[0][:]), np.asarray(whole.store.values.levels[0][:])
    )


class Growing(SlideRun):
    """Begins where somebody looks, as an engine does."""

    def __init__(self, *arguments, focus, **options):
        super().__init__(*arguments, **options)
        self.focus, self.asked = focus, []

    def continued(self, plan, control):
        begun = super().continued(plan, control).begun_at(ViewCentre((), *self.focus))
        self.asked = [chunk.region for chunk in begun.chunks]
        return begun


def test_another_view_cuts_otherwise_and_what_is_there_is_found(image, tmp_path):
    """Each window begins elsewhere, with small parts there; nothing that is there is computed again, or counted twice."""

    def looked(focus, until=None):
        run, got = Growing(tmp_path / "run", mixed=True, focus=focus), []

        def keep(part):
            got.append(part)
            if len(got) == until:
                raise Killed

        try:
            return job(image, run).run_parts(Control(), models(), keep), got, run
        finally:
            run.close()

    whole = job(image).run(Control(), models())
    with pytest.raises(Killed):
        looked((350, 300), until=9)
    report, second, run = looked((20, 580))
    cut = {
        chunk.region
        for chunk in job(image).plan(job(image).survey.run(Control(), models()), Control()).chunks
    }
    assert any(part.region not in cut for part in second), "another view cuts otherwise"
    assert report.evidence == whole.report.evidence
    expected = np.where(np.isnan(whole.confidence[0]), 255, whole.labels[0])
    np.testing.assert_array_equal(np.asarray(run.store.values.levels[0][:]), expected)
    again, parts, _ = looked((350, 300))
    assert sum(part.region.area for part in parts) < whole.region.area / 2
    assert again.evidence == whole.report.evidence


def test_a_window_has_a_folder_for_every_set_of_classes(image, tmp_path):
    one, _ = mixed(image, tmp_path / "run")
    named = replace_names("other")
    other, _ = mixed(image, tmp_path / "run", models(classes=named))
    assert one.store.folder == tmp_path / "run"
    assert other.store.folder == tmp_path / "run-2"
    again, parts = mixed(image, tmp_path / "run", models(classes=named))
    assert again.store.folder == other.store.folder
    assert not parts


def replace_names(name):
    return tuple(one.model_copy(update={"name": name}) if one.value else one for one in CLASSES)
