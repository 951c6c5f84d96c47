"""Images without labels, labelled by the segmenter that is to learn on: what it finds at the right size it then finds at others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import intensity_range, labels_to, normalise, read, resample
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import FindScaleJob, LabelJob, LabelSettings
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from recipes import nuclei

FLIPS = 3


def own_labels(data: Path, modalities: Sequence[Modality], segmenter: str) -> Iterator[LabelledPlane]:
    """Label the images of stains that choices may be made on, each at the size that its looks agree on; no label is read."""
    models = LoadedModels()
    for modality in modalities:
        for name in nuclei.names(data, modality, held_out=False):
            image = read(data / "nuclei" / nuclei.FOLDERS[modality.name] / "images" / f"{name}.png")
            found = FindScaleJob(image, None, segmenter).run(Control(), models)
            factor = found.factor if found.sure else 1.0
            settings = LabelSettings(flips=FLIPS, scale=Scale(factor=factor))
            labels = LabelJob(image, None, segmenter, settings=settings).run(Control(), models).labels
            assert labels is not None
            numbered = to_instances(labels[0], scheme_for(nuclei.CLASSES))
            plane = normalise(image.plane((), image.default_channel), intensity_range(image))
            look = resample(plane, factor)
            yield LabelledPlane(f"{name}, own labels", look, nuclei.outlined(labels_to(numbered, look.shape)))
