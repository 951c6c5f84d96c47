"""Fitting translators that only change grey levels."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import tifffile
import translator_case as case
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load
from tutor_case import labelled_folders, tutor_job

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.imaging import intensity_range, normalise, read
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models import load_segmenter, load_translator
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.translators.curve_file import CURVE
from napari_pseudolabel.training.translator.grey_levels_fit import GreyLevelsJob, apply, fit, looking_like
from napari_pseudolabel.training.translator.tune_translator import ModalityImages
from napari_pseudolabel.training.tutor import tutoring


def planes(seed, power):
    return [np.random.default_rng(seed + k).random((60, 80), np.float32) ** power for k in range(3)]


def run(job):
    return job.run(Control(), LoadedModels())


@pytest.mark.parametrize("power", [0.4, 1.0, 3.0])
def test_matching_gives_the_histogram_of_the_target(power):
    source, target = planes(0, 1.5), planes(9, power)
    made = np.concatenate([apply(fit(source, target, "match"), plane).ravel() for plane in source])
    shares = np.linspace(0.02, 0.98, 25)
    np.testing.assert_allclose(
        np.quantile(made, shares), np.quantile(np.concatenate(target), shares), atol=0.02
    )


def test_inverted_and_matched_is_matched_after_inversion():
    source, target = planes(0, 2.0), planes(9, 0.5)
    inverted = [1 - plane for plane in source]
    both = apply(fit(source, target, "invert-match"), source[0])
    np.testing.assert_allclose(both, apply(fit(inverted, target, "match"), inverted[0]), atol=0.01)
    assert np.corrcoef(both.ravel(), source[0].ravel())[0, 1] < -0.9
    np.testing.assert_array_equal(apply(fit(source, target, "invert"), source[0]), 1 - source[0])


@given(power=st.floats(0.2, 5), method=st.sampled_from(["match", "invert-match"]), grain=st.integers(2, 40))
def test_a_curve_never_goes_back(power, method, grain):
    """Also where an image has few different grey levels."""
    source = [np.round(plane * grain) / grain for plane in planes(0, power)]
    levels = fit(source, planes(9, 1 / power), method)
    steps = np.diff(levels) * (-1 if method == "invert-match" else 1)
    assert steps.min() >= 0
    assert 0 <= levels.min() <= levels.max() <= 1


def plain(modality):
    """Without what was measured on the images."""
    return modality.model_copy(update={"texture": None})


def test_a_job_makes_both_directions(tmp_path):
    job = GreyLevelsJob(
        case.layer("SEM", False), case.layer("TEM", True, pixel_size_um=0.1), "invert-match", "CC0-1.0"
    )
    assert pickle.loads(pickle.dumps(job)).title == "Matching the grey levels of SEM and TEM"
    made = run(job)
    assert made.names == ("sem-to-tem-invert-match", "tem-to-sem-invert-match")
    assert made.notes == ()
    paths = [tmp_path / f"{name}.safetensors" for name in made.names]
    for path, content in zip(paths, made.checkpoints, strict=True):
        path.write_bytes(content)
    there, back = (load_translator(path).card for path in paths)
    # Nothing is resampled, so what looks like TEM has the pixels of SEM.
    assert plain(there.source) == Modality(name="SEM", pixel_size_um=0.2)
    assert plain(there.target) == Modality(name="TEM", pixel_size_um=0.2)
    assert plain(back.target) == Modality(name="SEM", pixel_size_um=0.1)
    assert there.source.texture.images == 2
    assert there.licence == "CC0-1.0"
    assert there.training.command == "fitted in the viewer"
    assert there.training.data == ("2 planes of an open SEM layer", "2 planes of an open TEM layer")
    assert made.crops.shape == (2, 3, 60, 60)
    real, translated, again = made.crops[0]
    np.testing.assert_array_equal(translated, apply(load(made.checkpoints[0])[CURVE], real))
    np.testing.assert_allclose(again.mean(), real.mean(), atol=0.03)


def test_a_proxy_learns_from_images_that_only_changed_their_grey_levels(tmp_path, monkeypatch, one_thread):
    seen, real = [], tutoring.SegmenterTraining

    def recorded(train, validation, *arguments, **options):
        seen.append(train)
        return real(train, validation, *arguments, **options)

    monkeypatch.setattr(tutoring, "SegmenterTraining", recorded)
    made = run(GreyLevelsJob(case.layer("SEM", False), case.layer("TEM", True), "invert"))
    path = tmp_path / f"{made.names[0]}.safetensors"
    path.write_bytes(made.checkpoints[0])
    source = labelled_folders(tmp_path / "set")
    tutored = run(tutor_job(tmp_path / "run", path, source, samples=2))
    (proxy,) = tutored.proxies
    assert not any("same answer" in note for note in tutored.notes)
    # Two samples were asked for, but there is only one answer.
    assert sorted(plane.name for plane in seen[0]) == sorted({plane.name for plane in seen[0]})
    for plane in seen[0]:
        image = read(source.images / plane.name.removeprefix("synthetic "))
        np.testing.assert_allclose(
            plane.image, 1 - normalise(image.plane((), None), intensity_range(image)), atol=1e-6
        )
    card = load_segmenter(proxy.path).card
    assert plain(card.source) == plain(load_translator(path).card.target)
    assert "SEM to TEM, invert" in card.training.data[0]


def test_object_sizes_of_both_go_before_pixel_sizes():
    sizes = {"SEM": 20.0, "TEM": 25.0}
    job = GreyLevelsJob(
        *(case.layer(n, n == "TEM", scale=Scale(object_size_px=s)) for n, s in sizes.items()), "match"
    )
    assert run(job).notes == ()
    sem, tem = (Modality(name=n, pixel_size_um=0.2, object_size_px=s) for n, s in sizes.items())
    assert looking_like(tem, sem) == Modality(name="TEM", object_size_px=20)
    assert looking_like(sem, tem) == Modality(name="SEM", object_size_px=25)
    only = Modality(name="TEM", pixel_size_um=0.05)
    assert looking_like(only, sem) == Modality(name="TEM", pixel_size_um=0.2, object_size_px=20)


def test_folders_without_pixel_sizes_are_reported(tmp_path):
    for name, inverted in (("a", False), ("b", True)):
        (tmp_path / name).mkdir()
        for k, plane in enumerate(case.planes(inverted)):
            tifffile.imwrite(tmp_path / name / f"{k}.tif", plane)
    made = run(GreyLevelsJob(*(ModalityImages(n, folder=tmp_path / n) for n in ("a", "b")), "match"))
    assert [note.split(" images")[0] for note in made.notes] == ["The a", "The b"]
    given_size = ModalityImages("b", folder=tmp_path / "b", scale=Scale(pixel_size_um=0.3))
    made = run(GreyLevelsJob(ModalityImages("a", folder=tmp_path / "a"), given_size, "match"))
    assert [note.split(" images")[0] for note in made.notes] == ["The a"]


def test_what_cannot_be_fitted_is_said():
    with pytest.raises(InputError, match="Both modalities are called"):
        run(GreyLevelsJob(case.layer("TEM", False), case.layer("tem", True), "match"))
    flat = case.layer("flat", False, planes=(np.full((20, 20), 500, np.uint16),))
    with pytest.raises(InputError, match="only one grey level"):
        run(GreyLevelsJob(flat, case.layer("TEM", True), "match"))
    job = GreyLevelsJob(case.layer("SEM", False), case.layer("TEM", True), "match")
    with pytest.raises(Cancelled):
        job.run(Control(cancelled=lambda: True), LoadedModels())
