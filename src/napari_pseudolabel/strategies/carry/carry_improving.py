"""Let the segmenter of the way that was found learn from the images themselves, where it labels them directly; needs torch."""

from __future__ import annotations

from dataclasses import replace

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.registry import card_of
from napari_pseudolabel.strategies.carry.carry_models import CarryModels
from napari_pseudolabel.strategies.choice.found_way import FoundWay
from napari_pseudolabel.strategies.choice.ways import LabelWay
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.data.target_images import TargetImages
from napari_pseudolabel.training.self_training.self_training_task import SelfTrainingSettings
from napari_pseudolabel.training.training_jobs import SelfTrainingJob

_PATCH = 96


def improved(found: FoundWay, factor: float, makes: CarryModels, control: Control) -> FoundWay:
    """Self-train the segmenter of the chosen way on the images; what was found, with the new segmenter where it is better.

    Half of what it learns are the labelled images: as they are for the segmenter of their own modality, with the grey levels of the
    images for a proxy, and none for a named segmenter of the modality of the images. What speaks for the way stays what it was.

    Parameters
    ----------
    factor
        By how much the images are magnified for the segmenter.

    Raises
    ------
    InputError
        If the images cannot be learned from.
    Cancelled
        If `control` says so; the same task goes on from there.
    """
    task, way = makes.task, found.chosen.way
    if way.segmenter is None or not _sees_images(way):
        makes.note(
            "Nothing was improved on the images: the chosen way changes them before they are segmented, and self-training needs a "
            "segmenter that sees them as they are; train a proxy (--tutor-steps)."
        )
        return found
    as_it_is = way.group == "as it is"
    labelled = None
    if as_it_is or way.tutor is not None:
        images, labels = task.labelled
        curve = None if as_it_is or way.tutor is None else way.tutor.path
        labelled = LabelledSet(
            images.resolve(), labels.resolve(), curve, makes.labelled_scale(), reading=task.reading
        )
    job = SelfTrainingJob(
        TargetImages(
            source=task.images.resolve(), scale=task.settings.scale, reading=task.reading, found=factor
        ),
        way.segmenter,
        makes.work / "self-training",
        SelfTrainingSettings(
            rounds=task.options.improve_rounds,
            patch=min(_PATCH, task.options.patch),
            large_shift=as_it_is,
            seed=task.settings.seed,
            device=task.settings.tiles.device,
        ),
        labelled,
        # What it sees as they are was taken for the labelled modality.
        task.names[0 if as_it_is else 1],
    )
    made = job.run(control, makes.models)
    makes.note(
        f"The segmenter of the chosen way went on learning from the images. {made.sentence}", *made.notes
    )
    if made.checkpoint is None:
        return found
    ref = str(makes.written("self-trained.safetensors", made.checkpoint))
    better = replace(way, segmenter=ref, segmenter_card=card_of(ref))
    chosen = replace(found.chosen, way=better)
    return replace(found, tried=tuple(chosen if one is found.chosen else one for one in found.tried))


def _sees_images(way: LabelWay) -> bool:
    return way.translator is None or way.translator.startswith("unchanged:")
