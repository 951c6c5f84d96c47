"""Description of a translator's fine-tuning on open layers or folders; importable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import IntensityRange, Need, ReadOptions, normalise, resample
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.models.grids import limits_for, need_of, sizes_of
from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.training.common.training_options import Device, OwnSeed
from napari_pseudolabel.training.data.image_folders import (
    FolderPreprocessing,
    Notes,
    Notify,
    ignore_notes,
    image_planes,
)
from napari_pseudolabel.training.data.training_inputs import ModelGrid

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.training.data.patches import PatchPool
    from napari_pseudolabel.training.translator.syndiff_settings import SynDiffSettings
    from napari_pseudolabel.training.translator.translator_training import StartingPoint, TranslatorOutcome

_SMALLEST_SIDE = 8


@dataclass(frozen=True, eq=False)
class ModalityImages:
    """Unlabelled images of one modality: planes of an open layer, or a folder.

    Attributes
    ----------
    name
        Of the modality, such as SEM; used where the translators do not say it.
    planes
        (H, W) raw values of the chosen channel, any real dtype; empty when `folder` is given.
    limits
        Which raw values of the planes become 0 and 1, from the whole layer.
    pixel_size_um
        Side of a pixel of the planes in micrometres, None if unknown.
    folder
        Images in files, each normalised by its own percentiles.
    scale
        What the person says about sizes, see `Scale`.
    reading
        How the files of the folder are read.
    """

    name: str
    planes: tuple[NDArray[np.generic], ...] = ()
    limits: IntensityRange | None = None
    pixel_size_um: float | None = None
    folder: Path | None = None
    scale: Scale = Scale()
    reading: ReadOptions = ReadOptions()

    def __post_init__(self) -> None:
        if (self.folder is None) == (not self.planes):
            raise InputError(f"Give either planes or a folder of {self.name} images.")
        if self.planes and self.limits is None:
            raise ValueError("planes of a layer need the limits of the layer")

    def on_grid(
        self, modality: Modality | None, notify: Notify = ignore_notes, seen_by: Card | None = None
    ) -> tuple[list[NDArray[np.float32]], str]:
        """Bring the images to the grid of a model.

        Parameters
        ----------
        seen_by
            Of the model, where its card says which raw values become 0 and 1; otherwise percentiles do.

        Returns
        -------
        list of ndarray, str
            (H, W) float32 in [0, 1], and a sentence about an unknown scale (else empty).

        Raises
        ------
        InputError
            If the folder cannot be used, a size contradicts, or an image is too small on the grid.
        """
        sizes = sizes_of(modality)
        note = ""
        if self.folder is not None:
            planes = image_planes(
                self.folder,
                FolderPreprocessing(
                    self.scale,
                    *sizes,
                    Need() if seen_by is None else need_of(seen_by),
                    self.reading,
                    tells=modality is not None,
                ),
                notify,
            )
        else:
            assert self.limits is not None
            factor, why = self.scale.to_model(self.pixel_size_um, *sizes)
            note = why if modality is not None and why.startswith("The ") else ""
            # Normalised first: the limits are those of the untouched layer.
            limits = self.limits if seen_by is None else limits_for(seen_by, self.limits)
            planes = [resample(normalise(plane, limits), factor) for plane in self.planes]
        smallest = min(min(plane.shape) for plane in planes)
        if smallest < _SMALLEST_SIDE:
            raise InputError(
                f"A {self.name} image has a side of only {smallest} pixels on the model's grid; check the pixel sizes."
            )
        return planes, note

    def as_they_are(self, notify: Notify = ignore_notes) -> list[NDArray[np.float32]]:
        """Return the images on their own pixels, (H, W) float32 in [0, 1]; raises as `on_grid` does."""
        return replace(self, scale=Scale()).on_grid(None, notify)[0]

    def modality(self) -> Modality:
        """Return the modality with the sizes in the images as they are; for a folder, the pixel size that its files agree on."""
        pixel_um = self.scale.pixel_size_um or self.pixel_size_um
        if self.folder is not None:
            pixel_um = (
                ModelGrid(self.name, self.scale.pixel_size_um, reading=self.reading)
                .modality(self.folder)
                .pixel_size_um
            )
        return Modality(name=self.name, pixel_size_um=pixel_um, object_size_px=self.scale.object_size_px)

    def described(self) -> str:
        """Return what the images are, for a card."""
        if self.folder is not None:
            return f"{self.folder.resolve().name} (folder of {self.name})"
        return f"{len(self.planes)} planes of an open {self.name} layer"


@dataclass(frozen=True)
class TuneSettings(Checked):
    """How a translator is trained further.

    The defaults are for few images: labels made with real translators tuned on one image were best within the first
    hundred steps and got worse afterwards, so previews come often and the training is short.
    """

    steps: Annotated[
        int,
        Option("Steps of the training; the best one is kept, not the last.", least=1, step=100, seen="dock"),
    ] = 400
    batch: Annotated[
        int, Option("Patches per modality and step, drawn uniformly over its pixels.", least=1, seen="python")
    ] = 4
    learning_rate: Annotated[
        float,
        Option(
            "Size of the steps of the optimisers; it falls to a tenth along a cosine.",
            title="Learning speed",
            term="learning rate",
            above=0,
            below=1,
            step=1e-7,
            group="advanced",
            seen="dock",
        ),
    ] = 1e-4
    ema: Annotated[
        float,
        Option(
            "Decay of the average of the weights; it must fit the few steps.",
            title="EMA",
            least=0,
            below=1,
            seen="python",
        ),
    ] = 0.99
    preview_every: Annotated[
        int,
        Option(
            "Steps between two previews of the same crops, and two measurements.",
            least=1,
            group="advanced",
            seen="dock",
        ),
    ] = 25
    warm_up: Annotated[
        int | None,
        Option(
            "Steps in which what starts new learns from what is trained; None for the default of `warm_up_steps`.",
            least=0,
            seen="python",
        ),
    ] = None
    patch: Annotated[
        int,
        Option(
            "Side of a patch in pixels without checkpoints; with them, it is that of their training.",
            least=1,
            seen="python",
        ),
    ] = 64
    save_every: Annotated[int, Option("Steps between two saves.", least=1, seen="python")] = 50
    seed: OwnSeed = 42
    device: Device = "auto"


@dataclass(frozen=True, eq=False)
class TunedTranslator:
    """What a fine-tuning made.

    Attributes
    ----------
    checkpoints
        Content of the ``.safetensors`` files of the best step: source to target, and target to source.
    names
        File names for them without suffix.
    step, steps
        The best step, 0 for the start; and all that were done.
    measures, before
        At the best step and at the start, see `training.translator.translation_measures`; `before` is None for a training from nothing.
    stopped
        ``finish`` if the person wanted to stop and keep what there is.
    sentence
        How it went.
    notes
        Further sentences for the person.
    """

    checkpoints: tuple[bytes, bytes]
    names: tuple[str, str]
    step: int
    steps: int
    measures: dict[str, float]
    before: dict[str, float] | None
    stopped: Literal["steps", "finish"]
    sentence: str
    notes: tuple[str, ...] = ()

    @property
    def improved(self) -> bool:
        """Whether a trained step was better than the start."""
        return self.step > 0


@dataclass(frozen=True, eq=False)
class TuneTranslatorJob:
    """Fine-tune a pair of translators in the background.

    Attributes
    ----------
    source, target
        Images of the two modalities, unpaired.
    folder
        Gets the state, curves, previews and checkpoints; a job that runs again goes on from there.
    checkpoints
        Names or paths of the translators to start from, source to target and target to source; None starts from nothing.
    settings
        How it is trained.
    licence
        Of the checkpoints.
    """

    source: ModalityImages
    target: ModalityImages
    folder: Path
    checkpoints: tuple[str, str] | None = None
    settings: TuneSettings = field(default_factory=TuneSettings)
    licence: str = ""
    lane: Literal["train"] = "train"

    @property
    def title(self) -> str:
        """What is being done, for the person."""
        return f"Training the translator {self.source.name} to {self.target.name}"

    def run(self, control: Control, models: LoadedModels) -> TunedTranslator:
        """Train; tells `TrainStart`, `Loss` and `TranslatorPreview`.

        Raises
        ------
        InputError, CheckpointError
            If images, checkpoints or settings cannot be used.
        Cancelled
            If `control` says so; the same job goes on from there.
        """
        from napari_pseudolabel.tiling import pick_device
        from napari_pseudolabel.training.common.ranks import Ranks
        from napari_pseudolabel.training.translator.translator_training import (
            StartingPoint,
            TranslatorPlan,
            train_plan,
        )

        control.report(Progress("Reading the images", 0, 1))
        start = (
            StartingPoint.of(*(models.translator(ref) for ref in self.checkpoints))
            if self.checkpoints
            else None
        )
        pools, modalities, notes = self._images(start)
        plan = TranslatorPlan(
            pools=pools,
            modalities=modalities,
            settings=self._syndiff(start),
            data=(self.source.described(), self.target.described()),
            command="fine-tuning in the viewer",
            licence=self.licence,
            start=start,
            preview_every=self.settings.preview_every,
        )
        made = train_plan(
            plan, self.folder, device=pick_device(self.settings.device), ranks=Ranks(), control=control
        )
        return _result(made, plan.names, notes)

    def _images(
        self, start: StartingPoint | None
    ) -> tuple[tuple[PatchPool, PatchPool], tuple[Modality, Modality], tuple[str, ...]]:
        from napari_pseudolabel.training.data.patches import PatchPool

        known = start.modalities if start else (None, None)
        pools, modalities, notes = [], [], Notes()
        for images, modality in zip((self.source, self.target), known, strict=True):
            planes, note = images.on_grid(modality, notes.add)
            if note:
                notes.add((f"{images.name}: {note}",))
            pools.append(PatchPool([plane[None] for plane in planes]))
            pixel_um = None if images.scale.factor else images.scale.pixel_size_um or images.pixel_size_um
            modalities.append(modality or Modality(name=images.name, pixel_size_um=pixel_um))
        return (pools[0], pools[1]), (modalities[0], modalities[1]), tuple(notes)

    def _syndiff(self, start: StartingPoint | None) -> SynDiffSettings:
        from napari_pseudolabel.training.translator.syndiff_settings import SMALL
        from napari_pseudolabel.training.translator.translator_training import warm_up_steps

        s = self.settings
        generator = start.generator if start else replace(SMALL.generator, image_size=s.patch)
        warm_up = warm_up_steps(s.steps) if s.warm_up is None else s.warm_up
        return replace(
            SMALL,
            steps=s.steps,
            batch=s.batch,
            seed=s.seed,
            lr_generator=s.learning_rate,
            lr_discriminator=s.learning_rate,
            lr_final=s.learning_rate / 10,
            ema=s.ema,
            save_every=s.save_every,
            # What works beside the generators is as wide as they are.
            one_pass_width=generator.num_channels_dae,
            critic_width=generator.num_channels_dae,
            warm_up=warm_up if start else 0,
            generator=generator,
        )


def _result(made: TranslatorOutcome, names: tuple[str, str], notes: tuple[str, ...]) -> TunedTranslator:
    assert made.best is not None  # previews are always made
    *others, sentence = made.notes
    to_source, to_target = (path.read_bytes() for path in made.paths)
    return TunedTranslator(
        checkpoints=(to_target, to_source),
        names=(names[1], names[0]),
        step=made.best.step,
        steps=made.steps,
        measures=made.best.measures,
        before=made.before,
        stopped=made.ended,
        sentence=sentence,
        notes=(*notes, *others),
    )
