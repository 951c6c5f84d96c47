"""How well labels teach tells how good they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from skimage.io import imsave

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.training.fine_tune import LabelledSet
from napari_pseudolabel.training.reverse_accuracy import ReverseAccuracyJob

CLASSES = (LabelClass(name="disc", value=1),)
SHAPE = (96, 96)


@pytest.fixture
def known(tmp_path, disc_image):
    """Two labelled images of the same kind."""
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for seed in (1, 2):
        image, labels = disc_image((64, 64), seed)
        imsave(tmp_path / "images" / f"{seed}.png", image, check_contrast=False)
        imsave(tmp_path / "labels" / f"{seed}.png", labels, check_contrast=False)
    return LabelledSet(tmp_path / "images", tmp_path / "labels")


@pytest.fixture
def job(known, disc_image, tmp_path, one_thread):
    image, labels = disc_image(SHAPE, 9)
    return ReverseAccuracyJob(
        from_array(image, name="discs"),
        labels,
        CLASSES,
        known,
        tmp_path / "kept",
        steps=40,
        patch=32,
        device="cpu",
    )


def test_good_labels_teach_better_than_bad_ones(job, disc_image):
    models = LoadedModels()
    good = job.run(Control(), models)
    swollen = ndimage.binary_dilation(job.labels, iterations=3).astype(np.uint8)
    poor = replace(job, labels=swollen).run(Control(), models)
    wrong = replace(job, labels=disc_image(SHAPE, 3)[1]).run(Control(), models)
    assert good.mean > 0.7
    assert good.mean > poor.mean + 0.1
    assert good.mean > wrong.mean + 0.3
    assert set(good.per_class) == {"disc"}
    assert good.planes == 2
    again = job.run(Control(), models)
    assert again.mean == pytest.approx(good.mean)


def test_known_images_are_translated_once(job, tiny_translator):
    job = replace(
        job,
        known=replace(job.known, translator=str(tiny_translator), scale=Scale(pixel_size_um=0.2)),
        scale=Scale(pixel_size_um=0.1),
        steps=2,
    )
    assert job.checkpoints == (str(tiny_translator),)
    stages = []
    first = job.run(Control(lambda progress: stages.append(progress.stage)), LoadedModels())
    assert "Translating" in stages
    assert "Learning from the labels" in stages
    stages.clear()
    second = job.run(Control(lambda progress: stages.append(progress.stage)), LoadedModels())
    assert "Translating" not in stages
    assert second.mean == pytest.approx(first.mean)


def test_values_that_are_no_class_teach_nothing(job):
    stranger = job.labels.astype(np.int32)
    stranger[:8] = 4000
    found = replace(job, labels=stranger, steps=2).run(Control(), LoadedModels())
    assert 0 <= found.mean <= 1


def test_it_can_be_cancelled(job):
    seen = []

    def cancelled():
        seen.append(1)
        return len(seen) > 5

    with pytest.raises(Cancelled):
        replace(job, steps=10_000).run(Control(cancelled=cancelled), LoadedModels())


def test_what_cannot_be_checked_is_one_sentence(job, tmp_path):
    models = LoadedModels()
    with pytest.raises(InputError, match="give labels of this image"):
        replace(job, labels=job.labels[:5]).run(Control(), models)
    with pytest.raises(InputError, match="none of the classes"):
        replace(job, labels=np.zeros(SHAPE, np.uint8)).run(Control(), models)
    with pytest.raises(InputError, match="holds no images"):
        replace(job, known=LabelledSet(tmp_path / "nowhere", tmp_path)).run(Control(), models)
