"""The scale is found by a worker, once, before an image is cut."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_pseudolabel.control import Control
from napari_pseudolabel.engine import Listener
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import FindScaleJob, LabelJob, join, known_scales


def test_the_engine_finds_what_is_found_here_and_labels_by_it(
    engine, heard, settings, tiny_translator, tiny_segmenter, tmp_path, monkeypatch
):
    # On a busy machine this search is worth keeping: here and in the worker, which starts with the first job, apart.
    monkeypatch.setattr(known_scales, "folder", lambda: tmp_path / "here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "worker"))
    image = from_array(gaussian_filter(np.random.default_rng(2).normal(size=(96, 100)), 2).astype(np.float32))
    models = str(tiny_translator), str(tiny_segmenter)
    search = FindScaleJob(image, *models, settings=settings)
    here = search.run(Control(), LoadedModels())
    assert engine.submit(search, listener=heard.listener).result() == here
    assert "Finding the scale" in {progress.stage for progress in heard.of("progress")}
    parts = []
    job = LabelJob(image, *models, settings=settings)
    report = engine.submit(job, listener=Listener(part=parts.append)).result()
    assert report.found == here
    assert report.factor == here.used
    np.testing.assert_array_equal(join(job, parts, report).labels, job.run(Control(), LoadedModels()).labels)
    # What was found before is not looked for again.
    known = LabelJob(image, *models, settings=settings, found=here)
    assert known.second_survey(known.survey.run(Control(), LoadedModels()), Control()) is None
