"""Trainings refuse images and models that do not fit each other, by name, and note what they assume."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tuning_case import corrected_plane, small_job
from tutor_case import labelled_folders, tutor_job

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.training.data.labelled_sets import LabelledLayer, LabelledSet

pytestmark = pytest.mark.usefixtures("one_thread")

CLASSES = tuple(LabelClass(name=n, value=v) for n, v in (("background", 0), ("myelin", 1), ("axon", 7)))


def shown(modality, pixel_um=0.1):
    return replace(corrected_plane(pixel_um), modality=modality)


def run(job):
    return job.run(Control(), LoadedModels())


def test_a_segmenter_is_not_tuned_on_images_of_another_modality(tiny_segmenter, tmp_path):
    with pytest.raises(InputError, match=r"“tiny TEM” was trained on TEM, but this image is SEM \(“field”\)"):
        run(small_job(tmp_path, tiny_segmenter, plane=shown("SEM")))


def test_nor_through_a_translator_that_does_not_take_them(tiny_segmenter, tiny_translator, tmp_path):
    with pytest.raises(InputError, match="“tiny SEM to TEM” takes SEM images, but this image is TEM"):
        run(small_job(tmp_path, tiny_segmenter, tiny_translator, plane=shown("TEM", 0.2)))


def test_what_is_not_known_is_noted(tiny_segmenter, tmp_path):
    made = run(small_job(tmp_path / "a", tiny_segmenter, plane=shown(""), steps=2))
    assert "It is not known what field shows; it was taken for TEM, as “tiny TEM” expects." in made.notes
    made = run(small_job(tmp_path / "b", tiny_segmenter, plane=shown("tem"), steps=2))
    assert not any("known" in note for note in made.notes)


def test_a_new_segmenter_is_of_the_modality_of_its_images(tmp_path):

    made = run(small_job(tmp_path, "", plane=shown("SEM"), classes=CLASSES, steps=2))
    (tmp_path / "new.safetensors").write_bytes(made.checkpoint)
    assert load_segmenter(tmp_path / "new.safetensors").card.source.name == "SEM"


def test_a_folder_is_assumed_to_be_what_the_segmenter_takes_and_its_translator_is_checked(
    tiny_segmenter, tiny_translator, tmp_path
):
    from napari_pseudolabel.models.loaded import LoadedModels as Loaded

    labelled_folders(tmp_path / "set", 1)

    class Reversed(Loaded):
        """The translator makes what the segmenter does not take."""

        def translator(self, ref):
            found = super().translator(ref)
            turned = {"source": found.card.target, "target": found.card.source}
            return replace(found, card=found.card.model_copy(update=turned))

    further = LabelledSet(tmp_path / "set/images", tmp_path / "set/labels", str(tiny_translator))
    job = small_job(tmp_path / "run", tiny_segmenter, plane=shown("TEM"), sets=(further,), steps=2)
    with pytest.raises(InputError, match=r"was trained on TEM, but the translator makes SEM images"):
        job.run(Control(), Reversed())


def test_a_tutorship_needs_a_translator_from_the_labelled_images_to_those_to_be_labelled(
    tiny_translator, tmp_path
):
    labelled = labelled_folders(tmp_path / "set", 2)
    job = replace(tutor_job(tmp_path / "run", tiny_translator, labelled), target="SEM")
    with pytest.raises(
        InputError, match="“tiny SEM to TEM” makes TEM images, but the images to be labelled are SEM"
    ):
        run(job)
    layer = LabelledLayer("tem_3", (shown("TEM", 0.2),))
    with pytest.raises(
        InputError, match=r"“tiny SEM to TEM” takes SEM images, but this image is TEM \(“tem_3”\)"
    ):
        run(tutor_job(tmp_path / "run", tiny_translator, layer))
    assert not (tmp_path / "run").exists()
