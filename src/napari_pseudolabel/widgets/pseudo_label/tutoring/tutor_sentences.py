"""Every sentence of a tutorship that depends on something."""

from __future__ import annotations

from pathlib import Path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.fitting import misfit, same_modality
from napari_pseudolabel.training.common.training_events import Fold, Score
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry, TrainingStatus
from napari_pseudolabel.widgets.pseudo_label.tutoring.tutor_choice import TutorChoice, parse_classes

GONE = "The image was removed meanwhile. The proxy is trained; choose an image to run it."


def why_not(
    choice: TutorChoice, *, modality: str, translator: ModelEntry | None, learned: tuple[str, str] = ("", "")
) -> str | None:
    """Why a proxy cannot be trained and what to do; None if it can.

    Parameters
    ----------
    modality
        Of the image, empty if unknown.
    learned
        Modality and name of the labelled layer that is learned from; empty if unknown.
    """
    if translator is None:
        makes = f"makes {modality} images" if modality else "makes images like yours"
        return f"Choose a translator that {makes} from labelled ones; … opens a checkpoint file."
    if translator.problem:
        return translator.problem
    if not same_modality(translator.target, modality):
        return (
            f"“{translator.title}” makes {translator.target} images, but this image is {modality}; "
            f"choose a translator that makes {modality}."
        )
    takes = f"{translator.source} images" if translator.source else "images"
    if choice.kind == "nnunet":
        if not choice.nnunet:
            return f"Choose the folder of an nnU-Net raw data set of {takes}."
    elif choice.kind == "folders":
        if not choice.images:
            return f"Choose a folder of labelled {takes}, and the folder of their labels."
        if not choice.labels:
            return "Choose the folder of the labels; its files have the names of the images."
    elif choice.image_layer is None or choice.labels_layer is None:
        return f"Open {takes} with their labels as layers, or choose folders."
    elif why := misfit((translator.link,), *learned):
        return why
    try:
        classes = parse_classes(choice.classes)
    except InputError as error:
        return str(error)
    if not classes and choice.kind != "nnunet":
        return "Name the classes of the labels with their values, such as axon=1, myelin=2."
    return None


def goes_by_objects(entry: ModelEntry | None) -> bool:
    """Whether a translator knows how large objects are in its images, but not how large pixels are."""
    source = entry.card.source if entry is not None and entry.card is not None else None
    return source is not None and source.pixel_size_um is None and source.object_size_px is not None


def direction(entry: ModelEntry) -> str:
    """Name of a translator with what it turns into what, which comes first because lists are narrow."""
    title, ends = entry.title.lower(), (entry.source, entry.target)
    if not any(ends) or all(end and end.lower() in title for end in ends):
        return entry.title
    return f"{entry.source or '?'} → {entry.target or '?'}: {entry.title}"


def status_text(status: TrainingStatus | None) -> str:
    """Return what the workspace has of this tutorship."""
    if status is None:
        return ""
    if status.done:
        return "A proxy for exactly this is trained already."
    return "This training was begun before, and goes on from there." if status.begun else ""


def scored(score: Score, fold: Fold | None) -> str:
    """Return the validation of a proxy, which must not be taken for one on real images."""
    values = ", ".join(f"{name} {value:.2f}" for name, value in score.per_class.items())
    if score.f1:
        values += f"; F1 of objects: {', '.join(f'{name} {value:.2f}' for name, value in score.f1.items())}"
    which = f", proxy {fold.number} of {fold.total}" if fold is not None and fold.total > 1 else ""
    return f"Dice on synthetic images: {values} (step {score.step}{which}). Real images may differ."


def folder_text(*folders: str) -> str:
    """Short names of folders; empty if none is chosen."""
    parts = [Path(folder) for folder in folders if folder]
    names = " + ".join(part.name for part in parts)
    return f"{parts[0].parent.name}: {names}" if parts else "none chosen"
