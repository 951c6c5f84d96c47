"""``pseudolabel train translator`` and ``pseudolabel train segmenter``."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_pseudolabel.cli.declared import expanded
from napari_pseudolabel.cli.option_types import AsJson, Axes, Classes, Device, PositionOption
from napari_pseudolabel.cli.output import say, show
from napari_pseudolabel.cli.progress import Stopped, interruptible
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.labels.classes import named_values
from napari_pseudolabel.options import Option, changed
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.translator.syndiff_settings import PUBLISHED, SMALL, SynDiffSettings
from napari_pseudolabel.training.translator.syndiff_settings import changed as changed_by_name
from napari_pseudolabel.wording import sentence, shown

if TYPE_CHECKING:
    from napari_pseudolabel.control import Control
    from napari_pseudolabel.models.cards import Modality
    from napari_pseudolabel.training.data.training_inputs import ModelGrid
    from napari_pseudolabel.training.folder_training import TrainingResult


class Preset(StrEnum):
    """Where the settings start."""

    published = "published"
    small = "small"


_SIZES = "Pixel size in micrometres"
OutDir = Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Gets the state and the checkpoints.")]
Licence = Annotated[str, typer.Option(help="Licence of the checkpoints, for their cards.")]
Size = float | None


@dataclass(frozen=True)
class Side:
    """What is said about the images of one of two modalities."""

    name: Annotated[
        str | None, Option("Name of the {} modality (what tells its folder apart).", flag="--{}-name")
    ] = None
    pixel_size: Annotated[
        Size,
        Option(
            "Pixel size in micrometres of the {} images, instead of the one in the files.",
            flag="--{}-pixel-size",
        ),
    ] = None
    axes: Annotated[
        str | None,
        Option(
            "Axes of the {} images, such as TYX or CYX; they go before what the files say.", flag="--{}-axes"
        ),
    ] = None


@dataclass(frozen=True)
class TrainedSide(Side):
    """The same for a training, with the grid of the model."""

    model_pixel_size: Annotated[
        Size,
        Option(
            "Pixel size in micrometres on the model's grid for the {}; by default the images are used as they are.",
            flag="--model-{}-pixel-size",
        ),
    ] = None
    object_size: Annotated[
        Size,
        Option(
            "Median diameter of the objects in pixels of the model's grid for the {}, for the card.",
            flag="--{}-object-size",
        ),
    ] = None

    def grid(self, name: str, known: Modality | None) -> ModelGrid:
        """Return the grid of a modality; what is not given is that of the model to go on from."""
        from napari_pseudolabel.imaging import ReadOptions
        from napari_pseudolabel.training.data.training_inputs import ModelGrid

        um, px = (known.pixel_size_um, known.object_size_px) if known else (None, None)
        sizes = self.pixel_size, self.model_pixel_size or um, self.object_size or px
        return ModelGrid(name, *sizes, ReadOptions(self.axes))


@expanded("target", TrainedSide, of="target")
@expanded("source", TrainedSide, of="source")
@expanded("given", SynDiffSettings, presets={"small": SMALL})
def translator(
    source_dir: Annotated[Path, typer.Argument(metavar="SOURCE_DIR", help="Images of one modality.")],
    target_dir: Annotated[Path, typer.Argument(metavar="TARGET_DIR", help="Images of the other modality.")],
    out_dir: OutDir,
    source: TrainedSide,
    target: TrainedSide,
    given: Mapping[tuple[str, ...], object],
    pairs_source: Annotated[Path | None, typer.Option(help="Source images of aligned pairs.")] = None,
    pairs_target: Annotated[
        Path | None, typer.Option(help="Target images of them, of the same names.")
    ] = None,
    preset: Annotated[
        Preset, typer.Option(help="published (needs a GPU) or small (a CPU).")
    ] = Preset.published,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Any other setting by its published name; repeat it."
        ),
    ] = None,
    start_source_to_target: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="Name or path of a translator to go on from; it brings its network and pixel sizes.",
        ),
    ] = None,
    start_target_to_source: Annotated[
        str | None, typer.Option(metavar="REF", help="The one for the other direction.")
    ] = None,
    start_state: Annotated[
        Path | None, typer.Option(help="training.pt of another training, to take all networks from.")
    ] = None,
    preview_every: Annotated[
        int,
        typer.Option(
            min=0, help="Steps between previews, of which the best is kept; 0: none, keep the last step."
        ),
    ] = 500,
    devices: Annotated[
        int, typer.Option(min=1, help="GPUs (or processes on the CPU) that train together.")
    ] = 1,
    licence: Licence = "",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train SynDiff on unpaired images, in both directions; the same command goes on where it was stopped."""
    from napari_pseudolabel.tiling import pick_device
    from napari_pseudolabel.training.common.ranks import train_on
    from napari_pseudolabel.training.folder_training import TranslatorFolders, train_translator
    from napari_pseudolabel.training.translator.translator_training import warm_up_steps

    if devices > 1 and ":" in device:
        raise InputError(
            f"--devices {devices} takes all GPUs from the first one; give --device cuda, not {device}."
        )
    where = pick_device(device)
    if (pairs_source is None) != (pairs_target is None):
        raise InputError("Aligned pairs need both folders; give --pairs-source and --pairs-target.")
    if (start_source_to_target is None) != (start_target_to_source is None):
        raise InputError(
            "A start needs both directions; give --start-source-to-target and --start-target-to-source."
        )
    texts = _settings(set_)
    names = {*texts, *(path[-1] for path in given)}
    start = (
        (start_source_to_target, start_target_to_source)
        if start_source_to_target and start_target_to_source
        else None
    )
    known = _modalities(start, names) if start else (None, None)
    settings = changed(changed_by_name(SMALL if preset is Preset.small else PUBLISHED, texts), given)
    if start and "warm_up" not in names:
        settings = replace(settings, warm_up=0 if start_state else warm_up_steps(settings.steps))
    told = [modality.name if modality else None for modality in known]
    called = modality_names((source_dir, target_dir), (source.name or told[0], target.name or told[1]))
    grids = source.grid(called[0], known[0]), target.grid(called[1], known[1])
    pairs = (pairs_source, pairs_target) if pairs_source and pairs_target else None
    task = partial(
        train_translator,
        TranslatorFolders(source_dir, target_dir, pairs),
        out_dir,
        grids=grids,
        settings=settings,
        licence=licence,
        start=start,
        start_state=start_state,
        preview_every=preview_every,
    )
    with resumable(out_dir) as control:
        made = train_on(task, where, devices, _printing(control, out_dir, as_json))
    _show(made, as_json)


@expanded("settings", SegmenterSettings)
def segmenter(
    images_dir: Annotated[Path, typer.Argument(metavar="IMAGES_DIR", help="Images.")],
    labels_dir: Annotated[Path, typer.Argument(metavar="LABELS_DIR", help="Label images of the same names.")],
    out_dir: OutDir,
    settings: SegmenterSettings,
    classes: Classes = None,
    name: Annotated[str, typer.Option(help="File name of the checkpoint without suffix.")] = "segmenter",
    modality: Annotated[
        str | None,
        typer.Option(help="Name of the modality (that of the folder, or of the one above `images`)."),
    ] = None,
    validation_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of the image files kept for validation, at least one."),
    ] = 0.2,
    validation_dir: Annotated[
        Path | None, typer.Option(help="Folder with images/ and labels/ for validation, instead of a share.")
    ] = None,
    width: Annotated[int, typer.Option(min=1, help="Channels of the first level of the network.")] = 16,
    pixel_size: Annotated[Size, typer.Option(help=f"{_SIZES} of the images.")] = None,
    model_pixel_size: Annotated[
        Size, typer.Option(help=f"{_SIZES} on the model's grid; by default the images are used as they are.")
    ] = None,
    object_size: Annotated[
        Size, typer.Option(help="Median diameter of the objects in pixels of the model's grid, for the card.")
    ] = None,
    axes: Axes = None,
    position: PositionOption = None,
    licence: Licence = "",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train a segmenter on labelled images; the same command goes on where it was stopped."""
    from napari_pseudolabel.imaging import ReadOptions
    from napari_pseudolabel.tiling import pick_device
    from napari_pseudolabel.training.data.folder_names import folder_name
    from napari_pseudolabel.training.data.training_inputs import ModelGrid
    from napari_pseudolabel.training.folder_training import LabelledFolders, train_segmenter

    where = pick_device(device)
    with resumable(out_dir) as control:
        made = train_segmenter(
            LabelledFolders(images_dir, labels_dir, validation_dir, validation_share),
            out_dir,
            classes=named_values(classes),
            grid=ModelGrid(
                modality or folder_name(images_dir),
                pixel_size,
                model_pixel_size,
                object_size,
                ReadOptions(axes, position),
            ),
            settings=settings,
            device=where,
            name=name,
            width=width,
            licence=licence,
            control=control,
            started=_announce(out_dir, as_json),
        )
    _show(made, as_json)


@contextmanager
def resumable(out: Path) -> Iterator[Control]:
    """Progress and Ctrl-C of a training, which keeps what it has."""
    try:
        with interruptible() as control:
            yield control
    except Cancelled as error:
        raise Stopped(
            f"Stopped; what was trained is in {out}, and the same command goes on from there."
        ) from error


def _modalities(start: tuple[str, str], names: Container[str]) -> tuple[Modality | None, Modality | None]:
    """Source and target of the translators to go on from, which decide the network."""
    import dataclasses

    from napari_pseudolabel.models import load_translator
    from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
    from napari_pseudolabel.training.translator.translator_training import StartingPoint

    if fixed := [field.name for field in dataclasses.fields(GeneratorConfig) if field.name in names]:
        raise InputError(
            f"The network comes from the translators to go on from; leave out {', '.join(fixed)}."
        )
    return StartingPoint.of(*map(load_translator, start)).modalities


def modality_names(folders: tuple[Path, Path], given: tuple[str | None, str | None]) -> tuple[str, str]:
    """Return what two modalities are called: as they were given, else after what tells their folders apart.

    Raises
    ------
    InputError
        If a name is missing and both are the same folder.
    """
    from napari_pseudolabel.training.data.folder_names import folder_names

    if given[0] and given[1]:
        return given[0], given[1]
    found = folder_names(*folders)
    return given[0] or found[0], given[1] or found[1]


def _printing(control: Control, out: Path, as_json: bool) -> Control:
    """Return the same control, which prints what a translator training tells."""
    from napari_pseudolabel.training.common.training_events import TrainStart, TranslatorPreview

    announce = _announce(out, as_json)

    def tell(event: object) -> None:
        if isinstance(event, TrainStart):
            announce(event.resumed_at)
        elif isinstance(event, TranslatorPreview) and not as_json:
            m = event.measures
            numbers = (
                f"quality {m['quality']:.3f}, content {m['content']:.3f}, sharpness {m['sharpness']:.2f}, cycle {m['cycle']:.3f} "
                f"({m['cycle_probed']:.3f} when probed), contrast {m['contrast']:+.2f}"
            )
            say(f"Step {event.step}: {numbers}{'; the best so far' if event.best else ''}.")
            if event.warning:
                say(event.warning)

    return replace(control, emit=tell)


def _announce(out: Path, as_json: bool) -> Callable[[int], None]:
    def started(step: int) -> None:
        if step and not as_json:
            say(f"Going on after step {step} of the training in {out}.")

    return started


def _show(made: TrainingResult, as_json: bool) -> None:
    score = made.score
    data = {
        "checkpoints": [str(path) for path in made.paths],
        "steps": made.steps,
        "resumed_at": made.resumed_at,
        "validation": {"dice": score.per_class, "f1": score.f1, "step": score.step} if score else None,
        "notes": list(made.notes),
    }
    lines = [*map(shown, made.paths), *map(sentence, made.notes)]
    if score:
        for measure, values in (("Dice", score.per_class), ("F1 of objects", score.f1)):
            if values:
                told = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
                lines.append(f"Validation {measure} at step {score.step}: {told}")
    show(data, "\n".join(lines), as_json=as_json)


def _settings(pairs: list[str] | None) -> dict[str, str]:
    found = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise InputError(f"“{pair}” is no setting; write a name and a value, such as --set ema=0.999.")
        found[name.strip().replace("-", "_")] = value
    return found
