"""Models that will probably be asked for are loaded while the person looks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import PseudolabelError

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels


@dataclass(frozen=True)
class PreloadModels:
    """Load models; what is wrong with them is said by the run that uses them.

    Attributes
    ----------
    models
        Their kinds and references.
    """

    models: Sequence[tuple[Literal["translator", "segmenter"], str]]
    title: str = "Loading the models"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return tuple(ref for _, ref in self.models)

    def run(self, control: Control, models: LoadedModels) -> None:
        """Load them."""
        for kind, ref in self.models:
            control.check()
            with suppress(PseudolabelError):
                models.translator(ref) if kind == "translator" else models.segmenter(ref)
