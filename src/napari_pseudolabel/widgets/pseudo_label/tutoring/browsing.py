"""Folders of a tutorship: asked for, remembered, offered again."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from qtpy.QtWidgets import QFileDialog

from napari_pseudolabel.options import changed
from napari_pseudolabel.training.tutor.tutor_task import TutorSettings
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry
from napari_pseudolabel.widgets.pseudo_label.label_sentences import tooltip
from napari_pseudolabel.widgets.pseudo_label.tutoring.tutor_choice import TutorChoice
from napari_pseudolabel.widgets.pseudo_label.tutoring.view import TutoringView

_FOLDERS = ("images", "labels", "nnunet")
_NUMBERS = ("steps", "folds", "samples")
_FIRST_NUMBER = 501


def browse_set(view: TutoringView, recent: RecentChoices) -> None:
    """Let the person choose the folders of the labelled set."""
    choice = view.choice()
    if choice.kind == "nnunet":
        first = choice.nnunet or recent.last("tutorship nnunet") or str(Path.home())
        if found := _ask(view, "Choose the folder of an nnU-Net raw data set", first):
            view.set_folders(nnunet=found)
        return
    first = choice.images or recent.last("tutorship images") or str(Path.home())
    images = _ask(view, "Choose the folder of the labelled images", first)
    if not images:
        return
    labels = _ask(view, "Choose the folder of their labels, with the same names", str(Path(images).parent))
    if labels:
        view.set_folders(images=images, labels=labels)


def browse_keep(view: TutoringView, recent: RecentChoices, modality: str) -> None:
    """Let the person choose where the synthetic set is kept; where one is chosen, keep none."""
    if view.choice().keep:
        view.set_folders(keep="")
        return
    first = recent.last("tutorship keep") or str(Path.home())
    parent = _ask(view, "Choose the folder that gets the data set, such as nnUNet_raw", first)
    if parent:
        recent.remember("tutorship keep", parent)
        view.set_folders(keep=str(free_name(Path(parent), modality)))


def free_name(parent: Path, modality: str) -> Path:
    """Return a folder as nnU-Net wants it called, whose number is not taken."""
    name = re.sub(r"\W+", "_", modality, flags=re.ASCII).strip("_") or "synthetic"
    for number in itertools.count(_FIRST_NUMBER):
        if not any(parent.glob(f"Dataset{number}_*")):
            break
    return parent / f"Dataset{number}_{name}"


def remember(choice: TutorChoice, recent: RecentChoices) -> None:
    """Keep what was chosen for the next time."""
    for name in (*_FOLDERS, "translator", "kind"):
        recent.remember(f"tutorship {name}", getattr(choice, name))
    # A training that was begun is only found again with the same numbers.
    for name in _NUMBERS:
        recent.remember(f"tutorship {name}", str(getattr(choice.settings, name)))
    if choice.kind != "layer":  # the set that is offered the next time
        recent.remember("tutorship pixel size", str(choice.pixel_size_um or 0))
        recent.remember("tutorship object size", str(choice.object_size_px or 0))
    if choice.kind == "folders":
        recent.remember("tutorship classes", choice.classes)


def restore(view: TutoringView, recent: RecentChoices) -> None:
    """Offer what was chosen the last time, as far as it is still there."""
    found = {name: recent.last(f"tutorship {name}") or "" for name in _FOLDERS}
    kind = recent.last("tutorship kind")
    if kind in ("folders", "nnunet"):
        view.kind.setCurrentIndex(view.kind.findData(kind))
    view.set_folders(**{name: path for name, path in found.items() if path and Path(path).is_dir()})
    numbers = {name: int(last) for name in _NUMBERS if (last := recent.last(f"tutorship {name}"))}
    view.training.set_value(changed(TutorSettings(), {(name,): value for name, value in numbers.items()}))
    for name, size in (("pixel", view.pixel_size), ("object", view.object_size)):
        size.setValue(float(recent.last(f"tutorship {name} size") or 0))
    if kind != "nnunet" and not view.choice().classes:
        view.set_classes(recent.last("tutorship classes") or "")


def translator_tooltip(entry: ModelEntry | None) -> str:
    """Everything worth knowing about the translator."""
    return tooltip(
        entry, "Turns the labelled images into the modality of yours, so that the proxy learns it."
    )


def _ask(view: TutoringView, title: str, first: str) -> str:
    return str(QFileDialog.getExistingDirectory(view, title, first))
