"""How well labels teach tells how good they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from skimage.io import imsave

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.imaging import IntensityRange, from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.segmenter.reverse_accuracy import ReverseAccuracy, ReverseAccuracyJob
from napari_pseudolabel.training.translator.grey_levels_fit import GreyLevelsJob
from napari_pseudolabel.training.translator.tune_translator import ModalityImages

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
        reference=replace(job.reference, translator=str(tiny_translator), scale=Scale(pixel_size_um=0.2)),
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
    assert not any("used as" in note for note in second.notes)
    unknown = replace(job, reference=replace(job.reference, scale=Scale()), scale=Scale(), steps=1)
    told = unknown.run(Control(), LoadedModels()).notes
    assert any(note.startswith("The scale is not known of 2 of 2 images in") for note in told)
    assert any(
        note.startswith("discs: The image does not say its pixel size, so it was used") for note in told
    )


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
    with pytest.raises(InputError, match="is not a folder"):
        replace(job, reference=LabelledSet(tmp_path / "nowhere", tmp_path)).run(Control(), models)


def test_labels_of_the_other_modality_get_no_number(job, disc_image, tmp_path):
    models = LoadedModels()
    for seed in (1, 2):
        inverted = disc_image((64, 64), seed, inverted=True)[0]
        imsave(tmp_path / "images" / f"{seed}.png", inverted, check_contrast=False)
    with pytest.raises(
        InputError, match=r"disc is brighter than background in discs, but darker in .* give a translator"
    ):
        job.run(Control(), models)
    # A translator between them makes the same labels good ones; one that changes nothing does not.
    sides = (
        ModalityImages("dark", folder=tmp_path / "images"),
        ModalityImages("bright", planes=(job.image.data.astype(np.float32),), limits=IntensityRange(0, 255)),
    )
    made = GreyLevelsJob(*sides, "match").run(Control(), models)
    (tmp_path / "useless.safetensors").write_bytes(made.checkpoints[0])
    made = GreyLevelsJob(*sides, "invert-match").run(Control(), models)
    (tmp_path / "fitting.safetensors").write_bytes(made.checkpoints[0])
    with pytest.raises(InputError, match=r"after the translation by .*useless.*not its opposite"):
        replace(job, reference=replace(job.reference, translator=str(tmp_path / "useless.safetensors"))).run(
            Control(), models
        )
    found = replace(
        job, reference=replace(job.reference, translator=str(tmp_path / "fitting.safetensors"))
    ).run(Control(), models)
    assert found.mean > 0.7
    assert "so the labels fit their image" in found.meaning


def test_what_makes_a_number_meaningless_is_said(job, disc_image, tmp_path):
    models = LoadedModels()
    short = replace(job, steps=1)
    assert "the size of a pixel, so" in short.run(Control(), models).notes[0]
    numbers = (np.arange(SHAPE[0]) // 8)[:, None] + np.zeros(SHAPE, int)
    with pytest.raises(InputError, match="The labels of discs number their objects"):
        replace(short, labels=numbers).run(Control(), models)
    with pytest.raises(InputError, match=r"none of the classes.* their values are 0 and 255"):
        replace(short, labels=job.labels * 255).run(Control(), models)
    both = (*CLASSES, LabelClass(name="ring", value=2))
    ringed = np.where(ndimage.binary_dilation(job.labels, iterations=3) & (job.labels == 0), 2, job.labels)
    found = replace(short, labels=ringed, classes=both).run(Control(), models)
    assert any("The known labels hold no ring (2)" in note for note in found.notes)
    assert set(found.per_class) == {"disc"}
    with pytest.raises(InputError, match="No class is in the labels of discs"):
        replace(short, labels=ringed * (ringed == 2), classes=both).run(Control(), models)
    big = ndimage.zoom(job.labels, 4, order=0)
    found = replace(short, image=from_array(big * 99 + 20, name="big"), labels=big).run(Control(), models)
    assert any("times as large in pixels" in note for note in found.notes)
    for seed in (1, 2):
        labels = disc_image((64, 64), seed)[1]
        imsave(tmp_path / "labels" / f"{seed}.png", labels * 7, check_contrast=False)
    with pytest.raises(InputError, match=r"hold none of the classes; their values are 0 and 7"):
        short.run(Control(), models)


def test_known_images_are_brought_to_the_pixels_of_the_image(job):
    scales = Scale(pixel_size_um=0.1), Scale(pixel_size_um=0.3)
    known = replace(job.reference, scale=scales[1])
    found = replace(job, scale=scales[0], reference=known, steps=1).run(Control(), LoadedModels())
    assert any("times as large in pixels" in note for note in found.notes)  # now they are: 3 times
    assert not any("taken to be of one size" in note for note in found.notes)


@pytest.mark.parametrize(("mean", "part"), [(0.8, "fit their image"), (0.4, "look at them"), (0.1, "do not")])
def test_the_number_is_explained(mean, part):
    sentence = ReverseAccuracy(mean, {"disc": mean}, 1).meaning
    assert f"{mean:.2f}" in sentence
    assert part in sentence
