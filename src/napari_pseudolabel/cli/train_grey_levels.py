"""``pseudolabel train grey-levels``."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_pseudolabel.cli.declared import expanded
from napari_pseudolabel.cli.option_types import AsJson
from napari_pseudolabel.cli.output import show
from napari_pseudolabel.cli.progress import interruptible
from napari_pseudolabel.cli.train import Licence, Side, modality_names
from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.options import Option
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import sentence, shown

if TYPE_CHECKING:
    from napari_pseudolabel.training.translator.tune_translator import ModalityImages


class GreyLevelMethod(StrEnum):
    """Names of `training.translator.grey_levels_fit.METHODS`."""

    match = "match"
    invert = "invert"
    invert_match = "invert-match"


@dataclass(frozen=True)
class GreySide(Side):
    """What is said about the images of one of two modalities."""

    object_size: Annotated[
        float | None,
        Option(
            "Median diameter of the objects in pixels of the {} images; if both are given, they decide about sizes.",
            flag="--{}-object-size",
        ),
    ] = None

    def images(self, folder: Path, name: str) -> ModalityImages:
        """Return the images of a folder."""
        from napari_pseudolabel.imaging import ReadOptions
        from napari_pseudolabel.imaging.scale import Scale
        from napari_pseudolabel.training.translator.tune_translator import ModalityImages

        scale = Scale(pixel_size_um=self.pixel_size, object_size_px=self.object_size)
        return ModalityImages(name, folder=folder, scale=scale, reading=ReadOptions(self.axes))


@expanded("target", GreySide, of="target")
@expanded("source", GreySide, of="source")
def grey_levels(
    source_dir: Annotated[Path, typer.Argument(metavar="SOURCE_DIR", help="Images of one modality.")],
    target_dir: Annotated[Path, typer.Argument(metavar="TARGET_DIR", help="Images of the other modality.")],
    out_dir: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Gets the two checkpoints.")],
    method: Annotated[
        GreyLevelMethod,
        typer.Option(help="Give each modality the histogram of the other, turn grey levels around, or both."),
    ],
    source: GreySide,
    target: GreySide,
    licence: Licence = "",
    as_json: AsJson = False,
) -> None:
    """Make translators of both directions that only change grey levels: takes seconds, needs no GPU, invents nothing."""
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.training.translator.grey_levels_fit import GreyLevelsJob
    from napari_pseudolabel.workspace import atomic_files

    names = modality_names((source_dir, target_dir), (source.name, target.name))
    job = GreyLevelsJob(
        source.images(source_dir, names[0]), target.images(target_dir, names[1]), method.value, licence
    )
    with interruptible() as control:
        made = job.run(control, LoadedModels())
    paths = [out_dir / f"{name}.safetensors" for name in made.names]
    out_dir.mkdir(parents=True, exist_ok=True)
    for path, content in zip(paths, made.checkpoints, strict=True):
        _check_free(path, content)
    with atomic_files(*paths) as temporaries:
        for temporary, content in zip(temporaries, made.checkpoints, strict=True):
            temporary.write_bytes(content)
    data = {"checkpoints": [str(path) for path in paths], "notes": list(made.notes)}
    show(data, "\n".join([*map(shown, paths), *map(sentence, made.notes)]), as_json=as_json)


def _check_free(path: Path, content: bytes) -> None:
    """Refuse to replace a checkpoint that was not made from the same images in the same way.

    Raises
    ------
    InputError
        If there is one.
    """
    from napari_pseudolabel.models.card_files import read_header_card

    if not path.exists():
        return
    with tempfile.NamedTemporaryFile(suffix=path.suffix) as new:
        new.write(content)
        new.flush()
        made = read_header_card(new.name) or {}
    try:
        known = read_header_card(path) or {}
    except CheckpointError:
        known = {}
    same = ("family", "name")
    if any(known.get(key) != made.get(key) for key in same) or _data(known) != _data(made):
        raise InputError(
            f"{path} is there and was not made from these images; choose another folder, or other names "
            "(--source-name, --target-name)."
        )


def _data(card: JsonObject) -> object:
    return (card.get("training") or {}).get("data")
