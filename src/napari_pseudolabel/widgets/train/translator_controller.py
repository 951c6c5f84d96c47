"""Training a pair of translators from unpaired images: what it learns from, what it tells, what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog
from typing_extensions import override

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, intensity_range
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.families import family_named
from napari_pseudolabel.models.registry import models_folder
from napari_pseudolabel.training.common.training_events import Loss, TrainStart, TranslatorPreview
from napari_pseudolabel.training.translator.grey_levels_fit import GreyLevelsJob, GreyLevelTranslators
from napari_pseudolabel.training.translator.tune_translator import (
    ModalityImages,
    TunedTranslator,
    TuneTranslatorJob,
)
from napari_pseudolabel.viewer import image_of
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.widgets.common.folder_modality import shown_by
from napari_pseudolabel.widgets.common.layer_box import LayerBox, uid_of
from napari_pseudolabel.widgets.common.picture_rows import grey
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry
from napari_pseudolabel.widgets.train import train_sentences
from napari_pseudolabel.widgets.train.layer_picker import is_offered
from napari_pseudolabel.widgets.train.train_choice import TranslatorPair
from napari_pseudolabel.widgets.train.train_context import TrainContext, TrainingController
from napari_pseudolabel.workspace import write_bytes

if TYPE_CHECKING:
    from napari.layers import Layer

# Of what is measured, what tells most; see `training.translator.translation_measures`.
_MEASURES = {"content": "structures", "sharpness": "sharpness", "cycle": "way back", "hidden": "hidden"}
_Job = TuneTranslatorJob | GreyLevelsJob
# More planes of a stack say little more about a modality, and all of them travel to the worker.
_MOST_PLANES = 32


class TranslatorController(TrainingController):
    """Connects the page of the translator, the open layers, and what a training tells."""

    def __init__(self, context: TrainContext, recent: RecentChoices) -> None:
        super().__init__(context, recent)
        self._page = context.view.translator
        self._job: _Job | None = None
        self._pairs: list[TranslatorPair] = []
        self._proposed_for: str | None = None
        self._page.changed.connect(self._on_page)
        self._page.browse.clicked.connect(self._browse)
        self._page.source.refilled.connect(self.fill)

    @override
    def start(self) -> None:
        target, source = self._page.target, self._page.source
        target.follow(self._context.viewer, self._images)
        # An image cannot be both; what is left of the list is the folder.
        source.follow(
            self._context.viewer,
            lambda: (layer for layer in self._images() if layer is not target.layer),
            lambda _: (),
            after=target,
        )
        self.fill(self._context.viewer.layers.selection.active)

    @override
    def stop(self) -> None:
        self._page.target.let_go()
        self._page.source.let_go()

    @override
    def fill(self, active: Layer | None = None) -> None:
        if self._job is not None:
            return
        self._page.target.refill(active)
        self._page.source.refill()
        self._propose_pair()
        self.changed.emit()

    def _images(self) -> Iterable[Layer]:
        return map(unwrapped, filter(is_offered, self._context.viewer.layers))

    @override
    def set_models(self, entries: Sequence[ModelEntry]) -> None:
        self._pairs = pairs_of([entry for entry in entries if entry.kind == "translator"])
        self._page.set_pairs(self._pairs)
        self._propose_pair()
        self.changed.emit()

    @override
    def set_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        self._page.advanced.edits["device"].offer(devices)

    @override
    def why_not(self) -> str | None:
        return train_sentences.why_no_translator(self._page.choice())

    @override
    def prepare(self) -> Callable[[], _Job]:
        choice, workspace = self._page.choice(), self._context.session.workspace
        names = choice.pair.names if choice.pair is not None else choice.names
        target = image_in(self._page.target)
        source = image_in(self._page.source) if choice.source_layer else Path(choice.source_folder)

        def make() -> _Job:
            images = images_of(names[0], source), images_of(names[1], target)
            if choice.grey_levels is not None:
                first, second = (
                    replace(image, scale=Scale(object_size_px=size))
                    for image, size in zip(images, choice.object_sizes, strict=True)
                )
                return GreyLevelsJob(first, second, choice.grey_levels)
            return TuneTranslatorJob(
                *images,
                folder=workspace.new_run("translator"),
                checkpoints=choice.pair.refs if choice.pair is not None else None,
                settings=choice.settings,
            )

        return make

    @override
    def on_started(self, job: _Job) -> None:
        self._job = job

    @override
    def on_event(self, event: object) -> None:
        view = self._context.view
        if isinstance(event, TrainStart):
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
                train_sentences.previewed(event.step, event.best, event.measures["contrast"]),
                [event.warning] if event.warning else [],
            )

    @override
    def on_finished(self, result: TunedTranslator | GreyLevelTranslators) -> None:
        view = self._context.view
        self.on_dropped()
        if isinstance(result, GreyLevelTranslators):
            self._show(result.crops)
            said, ending = "", ""
        elif result.improved:
            said, ending = f"{result.sentence} ", "-tuned"
        else:
            view.set_status(result.sentence, result.notes)
            return
        names = [name + ending for name in result.names]
        keep(self._context, result.checkpoints, names, said, result.notes)

    @override
    def on_dropped(self) -> None:
        self._job = None
        self.fill()

    def _show(self, crops: NDArray[np.float32]) -> None:
        rows = [[grey(crop) for crop in row] for row in crops]
        self._context.view.tiles.set_pictures(rows, ("real", "translated", "and back"))

    def _on_page(self) -> None:
        self.fill()  # an image that is the one is not offered as the other

    def _propose_pair(self) -> None:
        """Once for every image: a pair whose target is the modality of the image, as far as that is known."""
        layer = self._page.target.layer
        if layer is None or not self._pairs or uid_of(layer) == self._proposed_for:
            return
        self._proposed_for = uid_of(layer)
        modality = shown_by(layer, {pair.names[1] for pair in self._pairs}, self._remembered)
        self._page.propose_target_name(modality)
        fitting = [pair for pair in self._pairs if pair.names[1] == modality]
        if fitting:
            self._page.choose_pair(fitting[0])

    def _browse(self) -> None:
        first = self._remembered.last("folder of the other modality") or str(Path.home())
        folder = QFileDialog.getExistingDirectory(
            self._page, "Choose a folder of images of the other modality", first
        )
        if folder:
            self._remembered.remember("folder of the other modality", folder)
            self._page.set_folder(folder)


def image_in(box: LayerBox) -> Image:
    """Return the image of the layer that is chosen."""
    if box.layer is None:
        raise InputError("The image was removed; choose another one.")
    return image_of(box.layer)


def pairs_of(translators: Sequence[ModelEntry]) -> list[TranslatorPair]:
    """Return translators that lead there and back, in both directions, of families that can be trained further."""
    usable = [
        translator
        for translator in translators
        if translator.problem is None and translator.source and translator.target
        if translator.card and family_named(translator.card.family).trains
    ]
    return [
        TranslatorPair((there.ref, back.ref), (there.source, there.target))
        for there in usable
        for back in usable
        if (there.source, there.target) == (back.target, back.source)
    ]


def keep(
    context: TrainContext, checkpoints: Sequence[bytes], names: Sequence[str], said: str, notes: Sequence[str]
) -> None:
    """Write translators beside the window, and tell what they are called, after what is `said`."""

    def kept(refs: tuple[str, ...]) -> None:
        context.view.set_status(f"{said}{train_sentences.kept_translators(refs)}", notes)
        context.session.models_added.emit()

    context.executor.run(lambda: _written(checkpoints, names), kept, context.failed)


def _written(checkpoints: Sequence[bytes], names: Sequence[str]) -> tuple[str, ...]:
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


def images_of(name: str, images: Image | Path) -> ModalityImages:
    """Return planes of a layer, or the folder, as images of a modality of that name."""
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
