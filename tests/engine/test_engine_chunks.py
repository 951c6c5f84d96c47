"""A labelling cut into chunks: the same labels as in one piece, whatever happens to workers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import psutil
import pytest
from engine_jobs import Says, Trap, Watched
from families import nnunet_folder
from heard import Heard

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, CheckpointError, InputError, WorkerError
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelJob, Region, ViewCentre, join

NO_TRAP = Trap()
ARRAYS = ("labels", "confidence", "translation")


@pytest.fixture
def watched(image, settings, tiny_translator, tiny_segmenter):
    """Makes the job with a trap."""

    def make(trap=NO_TRAP, **changes):
        changed = replace(settings, **changes)
        return Watched(image, str(tiny_translator), str(tiny_segmenter), settings=changed, trap=trap)

    return make


@pytest.fixture(scope="session")
def models():
    return LoadedModels()


def assert_same(job, parts, report, models):
    """What the engine handed out in parts is what the job makes here, chunk after chunk."""
    plain = LabelJob(job.image, job.translator, job.segmenter, settings=job.settings)
    here = plain.run(Control(), models)
    found = join(job, parts, report)
    assert found.classes == here.classes
    np.testing.assert_array_equal(found.labels, here.labels)
    for name in ARRAYS[1:]:
        np.testing.assert_allclose(getattr(found, name), getattr(here, name), atol=1e-5, err_msg=name)
    assert found.spread is None
    assert found.report.shift_px == pytest.approx(here.report.shift_px, abs=1e-3)
    for field in ("models", "factor", "tile", "overlap", "batch", "device", "agreement", "notes"):
        assert getattr(found.report, field) == getattr(here.report, field), field
    assert len(np.unique(found.labels)) > 1


def covered(parts, shape):
    times = np.zeros(shape, int)
    for part in parts:
        times[part.region.y0 : part.region.y1, part.region.x0 : part.region.x1] += 1
    return times


def test_a_worker_killed_in_the_middle_of_a_chunk_changes_nothing_in_the_labels(
    engine, heard, watched, models, tmp_path
):
    job = watched(Trap(chunk=4, marks=tmp_path, deaths=1))
    report = engine.submit(job, listener=heard.listener).result()
    begun = heard.of("event")
    assert sorted(number for number, _ in begun) == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]
    assert len({pid for _, pid in begun}) == 2
    (sentence,) = heard.of("notice")
    assert sentence.startswith("A worker process ended unexpectedly; the part of the image")
    assert (covered(heard.of("part"), job.image.shape) == 1).all()
    assert_same(job, heard.of("part"), report, models)
    done = [progress.done / progress.total for progress in heard.of("progress")[2:]]
    assert done == sorted(done)
    assert done[-1] == 1


def test_a_chunk_that_kills_two_workers_is_an_error_and_not_a_loop(engine, heard, watched, tmp_path):
    job = watched(Trap(chunk=4, marks=tmp_path, deaths=9))
    with pytest.raises(WorkerError, match="ended twice at the same work, most likely because"):
        engine.submit(job, listener=heard.listener).result()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["4-0", "4-1"]
    assert len(heard.of("notice")) == 1
    assert isinstance(heard.end[1], WorkerError)
    assert engine.submit(Says((1,))).result() == 1


def test_all_processes_killed_at_once_change_nothing_in_the_labels(engine, heard, watched, models):
    job, pids = watched(), engine.submit(Says((1,))).result() and engine.pids()
    handle = engine.submit(job, listener=heard.listener)
    heard.until(lambda: len(heard.of("event")) == 3)
    psutil.Process(pids[0]).kill()  # the host; its children follow
    report = handle.result()
    assert not set(pids) & set(engine.pids())
    assert psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], 10)[1] == []
    assert len(heard.of("notice")) == 1
    assert (covered(heard.of("part"), job.image.shape) == 1).all()
    assert_same(job, heard.of("part"), report, models)


def test_what_the_person_looks_at_comes_first(engine, heard, watched, tmp_path):
    gate = tmp_path / "gate"
    handle = engine.submit(watched(Trap(gate=gate)), listener=heard.listener)
    handle.look_at(ViewCentre((), 0, 0))
    heard.first("event")
    handle.look_at(ViewCentre((), 72, 36))  # while the first chunk is computed
    gate.touch()
    handle.result()
    first, second, *rest = heard.of("part")
    assert (first.region.y0, first.region.x0) == (0, 0)
    assert second.region.y1 == 72
    assert second.region.x0 < 36 < second.region.x1

    def away(part):
        region = part.region
        return np.hypot((region.y0 + region.y1) / 2 - 72, (region.x0 + region.x1) / 2 - 36)

    distances = [away(part) for part in (second, *rest)]
    assert distances == sorted(distances)


def test_after_a_cancel_no_part_comes(engine, heard, watched, tmp_path):
    handle = engine.submit(watched(), listener=heard.listener)
    heard.first("part")
    handle.cancel()
    said = len(heard.of("part"))
    assert isinstance(heard.end[1], Cancelled)
    assert len(heard.of("part")) <= said + 1  # one may have been on its way
    assert (covered(heard.of("part"), (72, 72)) <= 1).all()


def test_running_out_of_memory_in_a_worker_is_dealt_with_and_reported(engine, heard, watched, settings):
    # Another seed: the worker remembers what it has translated.
    job = watched(Trap(most=1), seed=99, tiles=replace(settings.tiles, batch=3))
    report = engine.submit(job, listener=heard.listener).result()
    assert report.batch == 1
    assert "Out of memory at batch 3, tile 32 on the CPU: used batch 1, tile 32." in report.notes
    assert any(note.startswith("Memory ran out before with this model") for note in report.notes)


def test_other_jobs_on_images_run_in_parts_as_well(engine, image, settings, models, tiny_translator):
    heard, region = Heard(), Region(10, 20, 50, 45)
    job = LabelJob(image, str(tiny_translator), settings=settings, region=region)
    report = engine.submit(job, listener=heard.listener).result()
    found, here = join(job, heard.of("part"), report), job.run(Control(), models)
    assert found.labels is None
    assert found.region == region
    np.testing.assert_allclose(found.translation, here.translation, atol=1e-5)


def test_what_cannot_work_is_said_as_without_an_engine(
    engine, image, settings, tiny_translator, tiny_segmenter
):
    translator, segmenter = str(tiny_translator), str(tiny_segmenter)
    for job, kind, words in [
        (LabelJob(image, translator, "none.safetensors"), InputError, "no checkpoint file"),
        (LabelJob(image, segmenter, segmenter), CheckpointError, "no translator"),
        (LabelJob(image), InputError, "no model to label with"),
        (LabelJob(image, translator, segmenter, region=Region(99, 99, 120, 120)), InputError, "outside"),
    ]:
        with pytest.raises(kind, match=words):
            engine.submit(job).result()


def test_translations_are_measured_by_a_worker_before_the_image_is_cut(
    engine, heard, image, settings, tiny_translator, tmp_path, models
):
    """nnU-Net behind a translator has to know what the translations of the whole layer are like."""
    job = LabelJob(image, str(tiny_translator), str(nnunet_folder(tmp_path)), settings=settings)
    report = engine.submit(job, listener=heard.listener).result()
    parts = heard.of("part")
    assert len(parts) > 1
    here = job.run(Control(), models)
    np.testing.assert_array_equal(join(job, parts, report).labels, here.labels)
