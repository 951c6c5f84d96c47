"""The models that a labelled set and images of another modality give; needs torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.reading.file_names import images_in, label_files_in
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.review import object_diameter
from napari_pseudolabel.models.cards import Card, Modality, Training
from napari_pseudolabel.models.fitting import channels_of, same_modality
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.proposals import Candidate
from napari_pseudolabel.models.registry import card_of, named_checkpoints
from napari_pseudolabel.models.translators.curve_file import as_file
from napari_pseudolabel.strategies.carry.carry_task import CarryTask
from napari_pseudolabel.strategies.carry.carry_timer import CarryTimer
from napari_pseudolabel.strategies.choice.find_way import some_of
from napari_pseudolabel.strategies.label_settings import ModelUse
from napari_pseudolabel.tiling import pick_device
from napari_pseudolabel.training.data.image_folders import FolderPreprocessing, prepare
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.data.training_inputs import ModelGrid
from napari_pseudolabel.training.folder_training import (
    LabelledFolders,
    TranslatorFolders,
    label_classes,
    train_segmenter,
    train_translator,
)
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.training_jobs import TutorJob
from napari_pseudolabel.training.translator.grey_levels_fit import Method, card, fit
from napari_pseudolabel.training.translator.syndiff_settings import SMALL
from napari_pseudolabel.training.tutor.tutor_task import TutorSettings
from napari_pseudolabel.workspace import write_bytes

# So wide are objects on the grid of what is trained here, or narrower where they are narrower in the images.
_OBJECT_PX = 25.0
# Histograms of more images say no more.
_MOST_IMAGES = 12
METHODS: tuple[Method, ...] = ("match", "invert-match")


@dataclass(eq=False)
class CarryModels:
    """Makes models, or finds them made.

    Attributes
    ----------
    notes
        What was assumed, found or left out; sentences for the person.
    """

    task: CarryTask
    models: LoadedModels
    notes: dict[str, None] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Gets the models that are used."""
        return self.task.out / "models"

    @property
    def work(self) -> Path:
        """Keeps trainings under way."""
        return self.task.out / "work"

    def note(self, *notes: str) -> None:
        """Add sentences for the person, each once."""
        self.notes.update(dict.fromkeys(notes))

    def segmenter(self, control: Control) -> Candidate:
        """Return the segmenter of the labelled modality: the given one, a named one that fits, or one trained now.

        Raises
        ------
        InputError
            If it takes several channels, or the labelled set cannot be learned from.
        """
        found = self._given() or self._named() or self._trained(control)
        if channels_of(found.card) != 1:
            raise InputError(
                f"{found.ref} takes several channels, and grey levels are one; give another segmenter."
            )
        return found

    def curves(self, segmenter: Candidate, control: Control) -> dict[Method, tuple[Candidate, Candidate]]:
        """Fit curves of grey levels: from the images to the labelled modality, and back; by method."""
        labelled, images = (
            self._planes(folder, control) for folder in (self.task.labelled[0], self.task.images)
        )
        names, seen = self.task.names, segmenter.card.source or Modality(name="")
        own = seen.model_copy(update={"name": names[1]})
        sides = (names[1], images), (names[0], labelled)
        data = tuple(f"{name} ({len(planes)} planes)" for name, planes in sides)
        # No date: what is fitted again must be the same file, on which proxies rest.
        training = Training(data=data, command="pseudolabel carry IMAGES OUT")
        found = {}
        for method in METHODS:
            there = card(own, _plain(seen), method, training, self.task.options.licence)
            back = card(seen, _plain(own), method, training, self.task.options.licence)
            found[method] = (
                self._kept(f"to-labelled-{method}", as_file(fit(images, labelled, method), there), there),
                self._kept(f"from-labelled-{method}", as_file(fit(labelled, images, method), back), back),
            )
            control.check()
        return found

    def proxy(self, curve: Candidate, method: Method, control: Control) -> tuple[Candidate, ModelUse]:
        """Train a proxy on the labelled set with the grey levels of the images; and what tutored it.

        Raises
        ------
        InputError
            If the labelled set cannot be learned from.
        """
        options, settings = self.task.options, self.task.settings
        images, labels = self.task.labelled
        job = TutorJob(
            (
                LabelledSet(
                    images.resolve(),
                    labels.resolve(),
                    scale=self.labelled_scale(),
                    reading=self.task.reading,
                ),
            ),
            curve.ref,
            self.work / f"tutorship-{method}",
            label_classes(self.task.classes),
            TutorSettings(
                steps=options.tutor_steps,
                patch=options.patch,
                width=options.width,
                epoch_steps=min(100, options.tutor_steps),
                samples=1,
                seed=settings.seed,
                device=settings.tiles.device,
            ),
            options.licence,
            target=self.task.names[1],
        )
        made = job.run(control, self.models)
        self.note(*made.notes)
        (one,) = made.proxies
        path = self._copied(one.path, f"proxy-{method}.safetensors")
        use = ModelUse("tutor", made.translator_name, curve.ref, made.translator_sha256)
        return _candidate(path), use

    def syndiff(self, factor: float, control: Control) -> Candidate:
        """Train SynDiff for the minutes that were given, or find it trained; return the translator to the labelled modality.

        Parameters
        ----------
        factor
            By how much the images are magnified for the segmenter.
        """
        path = self.folder / "syndiff-to-labelled.safetensors"
        if path.is_file():
            return _candidate(path)
        options, settings = self.task.options, self.task.settings
        timer = CarryTimer(self.work / "syndiff-seconds.json", 60 * options.minutes, control)
        labelled = self._labelled_grid()
        wide = labelled.object_px or _OBJECT_PX
        target = ModelGrid(
            self.task.names[1], object_px=wide, image_object_px=wide / factor, reading=self.task.reading
        )
        with timer:
            made = train_translator(
                TranslatorFolders(self.task.labelled[0], self.task.images),
                self.work / "syndiff",
                grids=(labelled, target),
                settings=replace(SMALL, seed=settings.seed),
                device=pick_device(settings.tiles.device),
                licence=options.licence,
                control=replace(control, wish=timer.wish, report=timer.report),
            )
        self.note(
            f"SynDiff was trained for {made.steps} steps, as far as {options.minutes:g} minutes reach.",
            *made.notes,
        )
        candidates = [_candidate(one) for one in made.paths]
        (back,) = (one for one in candidates if same_modality(one.makes, self.task.names[0]))
        return _candidate(self._copied(Path(back.ref), path.name))

    def _given(self) -> Candidate | None:
        ref = self.task.segmenter
        return None if ref is None else Candidate(ref, self.models.segmenter(ref).card)

    def _named(self) -> Candidate | None:
        wanted = self.task.options.labelled_modality
        classes = {(one.name, one.value) for one in label_classes(self.task.classes) if one.value}
        for one in named_checkpoints() if wanted else ():
            known = one.card
            if known is None or known.kind != "segmenter" or known.source is None:
                continue
            if same_modality(known.source.name, wanted or "") and classes == {
                (it.name, it.value) for it in known.classes if it.value
            }:
                self.note(
                    f"The named segmenter {one.name} was used, because it is of {wanted} and knows the same classes."
                )
                return Candidate(one.name, known)
        return None

    def _trained(self, control: Control) -> Candidate:
        options, settings = self.task.options, self.task.settings
        made = train_segmenter(
            LabelledFolders(*self.task.labelled),
            self.work / "segmenter",
            classes=self.task.classes,
            grid=self._labelled_grid(),
            settings=SegmenterSettings(
                steps=options.segmenter_steps,
                patch=options.patch,
                validate_every=min(100, options.segmenter_steps),
                seed=settings.seed,
                class_shift=0.2,
                ema=0.99,
            ),
            device=pick_device(settings.tiles.device),
            width=options.width,
            licence=options.licence,
            control=control,
        )
        self.note("The segmenter was trained on the labelled set.", *made.notes)
        return _candidate(self._copied(made.paths[0], "segmenter.safetensors"))

    def _labelled_grid(self) -> ModelGrid:
        measured = self._measured()
        return ModelGrid(
            self.task.names[0],
            self.task.options.labelled_pixel_size,
            object_px=None if measured is None else min(measured, _OBJECT_PX),
            reading=self.task.reading,
            image_object_px=measured,
        )

    def labelled_scale(self) -> Scale:
        """Return what is known about the sizes in the labelled set."""
        return Scale(object_size_px=self._measured(), pixel_size_um=self.task.options.labelled_pixel_size)

    def _measured(self) -> float | None:
        """Width of a typical object in the labelled set, in pixels of its images."""
        planes = (self.task.reading.labels(path).data for path in label_files_in(self.task.labelled[1]))
        widths = [
            object_diameter(np.asarray(one).reshape(-1, *one.shape[-2:])[0].astype(np.uint8))
            for one in planes
        ]
        known = [one for one in widths if one is not None]
        return round(float(np.median(known)), 2) if known else None

    def _planes(self, folder: Path, control: Control) -> list[NDArray[np.float32]]:
        found: list[NDArray[np.float32]] = []
        for path in some_of(images_in(folder), _MOST_IMAGES):
            control.check()
            found += prepare(self.task.reading.image(path), FolderPreprocessing(reading=self.task.reading))
        return found

    def _kept(self, name: str, content: bytes, about: Card) -> Candidate:
        return Candidate(str(self.written(f"{name}.safetensors", content)), about)

    def _copied(self, made: Path, name: str) -> Path:
        return self.written(name, made.read_bytes())

    def written(self, name: str, content: bytes) -> Path:
        """Write a model into the folder of those that are used, where it is not there yet."""
        path = self.folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content)
        return path


def _plain(modality: Modality) -> Modality:
    return modality.model_copy(update={"texture": None})


def _candidate(path: Path) -> Candidate:
    return Candidate(str(path), card_of(str(path)))
