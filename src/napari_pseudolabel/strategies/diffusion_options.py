"""The folder of a text-to-image model, for all strategies that look through one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.strategies.label_settings import ModelUse

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels

NO_FOLDER = "Give the folder of a text-to-image model, as diffusers saves it; none comes with the plugin."


@dataclass(frozen=True)
class DiffusionOptions(Checked):
    """What is looked through."""

    diffusion: Annotated[
        Path | None,
        Option(
            "Folder of a text-to-image model on this computer, as diffusers saves it (Stable Diffusion 1 or 2, or one of your own). It "
            "is read from safetensors files only, and nothing is fetched from the internet.",
            title="Model folder",
            term="diffusers folder",
            form="DIR",
        ),
    ] = None

    def __post_init__(self) -> None:
        """Note the folder by its whole path: the record of the labels is read elsewhere."""
        super().__post_init__()
        if self.diffusion is not None:
            object.__setattr__(self, "diffusion", self.diffusion.expanduser().absolute())


def use_of(folder: str, models: LoadedModels) -> ModelUse:
    """Return the model of a folder as provenance names it; raises as `LoadedModels.phrase_model` does."""
    model = models.phrase_model(folder)
    return ModelUse("features", model.name, folder, model.sha256)
