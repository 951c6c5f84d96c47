"""A zero-shot training: what is asked, and what comes of it. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from napari_pseudolabel.training.translator.tune_translator import ModalityImages
from napari_pseudolabel.training.translator.zero_shot_settings import ZeroShotSettings

RESULT = "result.json"
CHECKPOINT = "zero-shot.safetensors"


@dataclass(frozen=True)
class ZeroShotResult:
    """A translator of images of any modality.

    Attributes
    ----------
    path
        Where it was written, in the folder of the task.
    checkpoint
        Content of that ``.safetensors`` file with its card, for where the folder cannot be seen.
    steps, resumed_at
        Steps done in all, and before this call.
    notes
        Sentences for the person.
    """

    path: Path
    checkpoint: bytes
    steps: int
    resumed_at: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ZeroShotTask:
    """Learn how one modality looks, so that images of any other can be made to look like it; `ZeroShotJob` does it.

    Attributes
    ----------
    images
        Unlabelled images of the modality that is to be made.
    folder
        Gets the state, the curve and the checkpoint; the same task goes on from there, and hands out the same result once it is done.
    segmenter
        A reference of the segmenter that will see the translations; the images are brought to its grid. None leaves them as they are.
    licence
        Of the checkpoint.
    """

    images: ModalityImages
    folder: Path
    segmenter: str | None = None
    settings: ZeroShotSettings = field(default_factory=ZeroShotSettings)
    licence: str = ""
    title: str = "Learning how images look"

    lane: ClassVar[Literal["train"]] = "train"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models that it needs."""
        return () if self.segmenter is None else (self.segmenter,)

    @property
    def done(self) -> bool:
        """Whether all that it makes is there."""
        return all((self.folder / name).is_file() for name in (RESULT, CHECKPOINT))
