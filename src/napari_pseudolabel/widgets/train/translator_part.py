"""Training a pair of translators from unpaired images: what it learns from, what it tells, what is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, intensity_range
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.families import family_named
from napari_pseudolabel.models.registry import models_folder
from napari_pseudolabel.training.common.training_events import Began, Loss, TranslatorPreview
from napari_pseudolabel.training.translator.grey_levels_fit import GreyLevelsJob, GreyLevelTranslators
from napari_pseudolabel.training.translator.tune_translator import (
    ModalityImages,
    TunedTranslator,
    TuneSettings,
    TuneTranslatorJob,
)
from napari_pseudolabel.viewer import image_of
from napari_pseudolabel.viewer.images import modality_of
from napari_pseudolabel.widgets.common.remembered import Remembered
from napari_pseudolabel.widgets.common.tiles import grey
from napari_pseudolabel.widgets.pseudo_label.choice import ModelEntry
from napari_pseudolabel.widgets.train import sentences
from napari_pseudolabel.widgets.train.choice import TranslatorPair
from napari_pseudolabel.widgets.train.layers import is_offered
from napari_pseudolabel.widgets.train.parts import Tools
from napari_pseudolabel.workspace import write_bytes

if TYPE_CHECKING:
    from napari.layers import Layer

# Of what is measured, what tells most; see `training.translator.translation_measures`.
_MEASURES = {
    "content": "structures",
    "sharpness": "sharpness",
    "cycle": "way back",
    "hidden": "hidden",
}
_Job = TuneTranslatorJob | GreyLevelsJob
# More planes of a stack say little more about a modality, and all of them travel to the worker.
_MOST_PLANES = 32


class TranslatorPart(QObject):
    """Connects the page of the translator, the open layers, and what a training tells.

    Attributes
    ----------
    changed
        Why the training cannot start may be another reason than before.
    """

    changed = Signal()

    def __init__(self, tools: Tools, remembered: Remembered) -> None:
        super().__init__()
        self._tools = tools
        self._remembered = remembered
        self._page = tools.view.translator
        self._job: _Job | None = None
        self._pairs: list[TranslatorPair] = []
        self._proposed_for: str | None = None
        self._page.changed.connect(self._on_page)
        self._page.browse_pressed.connect(self._browse)

    def start(self) -> None:
        """Offer the layers."""
        self.fill(self._tools.viewer.layers.selection.active)

    def stop(self) -> None:
        """Nothing is followed that would have to be let go."""

    def fill(self, active: Layer | None = None) -> None:
        """Layers came, went, or another one is active."""
        if self._job is not None:
            return
        layers = [layer for layer in self._tools.viewer.layers if is_offered(layer)]
        uids = [str(layer.unique_id) for layer in layers]
        choice = self._page.choice()
        asked = str(active.unique_id) if active is not None and is_offered(active) else None
        target = next((one for one in (asked, choice.target, *uids[-1:]) if one in uids), None)
        source = choice.source_layer if choice.source_layer in uids else None
        self._page.set_layers(
            [(str(layer.unique_id), layer.name) for layer in layers], target=target, source=source
        )
        self._propose_pair()
        self.changed.emit()

    def set_models(self, entries: Sequence[ModelEntry]) -> None:
        """The named models are known."""
        self._pairs = pairs_of([entry for entry in entries if entry.kind == "translator"])
        self._page.set_pairs(self._pairs)
        self._propose_pair()
        self.changed.emit()

    def set_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        """The devices of the worker are known."""
        self._page.set_devices(devices)

    def why_not(self) -> str | None:
        """Why the training cannot start and what to do; None if it can."""
        return sentences.why_no_translator(self._page.choice())

    def prepare(self) -> Callable[[], _Job]:
        """What makes the job; the pixels are read away from the window."""
        choice, workspace = self._page.choice(), self._tools.session.workspace
        names = choice.pair.names if choice.pair is not None else choice.names
        target = self._image(choice.target)
        source = self._image(choice.source_layer) if choice.source_layer else Path(choice.source_folder)

        def make() -> _Job:
            images = _images_of(names[0], source), _images_of(names[1], target)
            if choice.grey_levels is not None:
                first, second = (
                    replace(one, scale=Scale(object_size_px=size))
                    for one, size in zip(images, choice.object_sizes, strict=True)
                )
                return GreyLevelsJob(first, second, choice.grey_levels)
            return TuneTranslatorJob(
                *images,
                folder=workspace.new_run("translator"),
                checkpoints=choice.pair.refs if choice.pair is not None else None,
                settings=TuneSettings(
                    steps=choice.steps,
                    learning_rate=choice.learning_rate,
                    preview_every=choice.preview_every,
                ),
                device=choice.device,
            )

        return make

    @property
    def minutes(self) -> int:
        """There is no time limit."""
        return 0

    def begun(self, job: _Job) -> None:
        """The job was submitted."""
        self._job = job

    def told(self, event: object) -> None:
        """The training tells something."""
        view = self._tools.view
        if isinstance(event, Began):
            view.set_status("", event.notes)
        elif isinstance(event, Loss):
            view.losses.add(event.step, event.losses)
        elif isinstance(event, TranslatorPreview):
            shown = {
                title: event.measures[name] for name, title in _MEASURES.items() if name in event.measures
            }
            view.measures.add(event.step, shown)
            self._show(event.crops)
            view.set_status(
                sentences.previewed(event.step, event.best, event.measures["contrast"]),
                [event.warning] if event.warning else [],
            )

    def finished(self, result: TunedTranslator | GreyLevelTranslators) -> None:
        """The training has ended well: keep both translators if they got better."""
        view = self._tools.view
        self.dropped()
        if isinstance(result, GreyLevelTranslators):
            self._show(result.crops)
            said, ending = "", ""
        elif result.improved:
            said, ending = f"{result.sentence} ", "-tuned"
        else:
            view.set_status(result.sentence, result.notes)
            return

        def kept(names: tuple[str, ...]) -> None:
            view.set_status(f"{said}{sentences.kept_translators(names)}", result.notes)
            self._tools.session.models_added.emit()

        def write() -> tuple[str, ...]:
            return keep(result.checkpoints, [name + ending for name in result.names])

        self._tools.aside.run(write, kept, self._tools.failed)

    def dropped(self) -> None:
        """The training is over."""
        self._job = None
        self.fill()

    def _show(self, crops: NDArray[np.float32]) -> None:
        rows = [[grey(crop) for crop in row] for row in crops]
        self._tools.view.tiles.set_pictures(rows, ("real", "translated", "and back"))

    def _image(self, uid: str | None) -> Image:
        layer = self._layer(uid)
        if layer is None:
            raise InputError("The image was removed; choose another one.")
        return image_of(layer)

    def _on_page(self) -> None:
        self.fill()  # an image that is the one is not offered as the other

    def _propose_pair(self) -> None:
        """Once for every image: a pair whose target is the modality of the image, as far as that is known."""
        uid = self._page.choice().target
        layer = self._layer(uid)
        if layer is None or not self._pairs or uid == self._proposed_for:
            return
        self._proposed_for = uid
        modality = modality_of(layer, {pair.names[1] for pair in self._pairs})
        self._page.propose_target_name(modality)
        fitting = [pair for pair in self._pairs if pair.names[1] == modality]
        if fitting:
            self._page.choose_pair(fitting[0])

    def _layer(self, uid: str | None) -> ImageLayer | None:
        images = (one for one in self._tools.viewer.layers if isinstance(one, ImageLayer))
        return next((one for one in images if str(one.unique_id) == uid), None)

    def _browse(self) -> None:
        first = self._remembered.last("folder of the other modality") or str(Path.home())
        folder = QFileDialog.getExistingDirectory(
            self._page, "Choose a folder of images of the other modality", first
        )
        if folder:
            self._remembered.remember("folder of the other modality", folder)
            self._page.set_folder(folder)


def pairs_of(translators: Sequence[ModelEntry]) -> list[TranslatorPair]:
    """Translators that lead there and back, in both directions, of families that can be trained further."""
    usable = [
        one
        for one in translators
        if one.problem is None and one.source and one.target
        if one.card and family_named(one.card.family).trains
    ]
    return [
        TranslatorPair((there.ref, back.ref), (there.source, there.target))
        for there in usable
        for back in usable
        if (there.source, there.target) == (back.target, back.source)
    ]


def keep(checkpoints: Sequence[bytes], names: Sequence[str]) -> tuple[str, ...]:
    """Write translators into the user's folder of models, under names that are still free.

    Returns
    -------
    tuple of str
        References such as ``user:TEM-to-SEM-tuned`` or ``user:TEM-to-SEM-tuned-2``.
    """
    folder = models_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The folder of models {folder} cannot be made ({error.strerror}); make room, or allow it."
        ) from error
    number, ending = 1, ""
    while any((folder / f"{name}{ending}.safetensors").exists() for name in names):
        number += 1
        ending = f"-{number}"
    for name, content in zip(names, checkpoints, strict=True):
        write_bytes(folder / f"{name}{ending}.safetensors", content)
    return tuple(f"user:{name}{ending}" for name in names)


def _images_of(name: str, images: Image | Path) -> ModalityImages:
    """Planes of a layer, or the folder."""
    if isinstance(images, Path):
        return ModalityImages(name, folder=images)
    indices = list(images.planes())
    chosen = np.linspace(0, len(indices) - 1, min(len(indices), _MOST_PLANES)).round().astype(int)
    return ModalityImages(
        name,
        planes=tuple(images.plane(indices[i], None) for i in chosen),
        limits=intensity_range(images),
        pixel_size_um=images.placement.pixel_size_um(),
    )
