"""Train a segmenter on labelled planes: from nothing or from a parent, until it stops getting better."""

from __future__ import annotations

import dataclasses
import gc
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.errors import Cancelled, DeviceError, InputError
from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.models.segmenters.base import of_limits
from napari_pseudolabel.tiling import TileSettings, is_out_of_memory
from napari_pseudolabel.training.common.precision import multiplies_bfloat16
from napari_pseudolabel.training.common.prefetching import Prefetcher
from napari_pseudolabel.training.common.running_average import running_average
from napari_pseudolabel.training.common.score_measures import measures_of
from napari_pseudolabel.training.common.training_events import Epoch, Loss, Score, TrainStart
from napari_pseudolabel.training.common.training_record import STATE, load_state, save_state
from napari_pseudolabel.training.data.any_contrast import any_contrast
from napari_pseudolabel.training.data.augmentation import Geometry, augment, shift_classes
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.labelled_patches import LabelledPatches
from napari_pseudolabel.training.data.textures import with_texture
from napari_pseudolabel.training.segmenter.calibrating import Learned, calibrated
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.validation import score, windows
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import some
from napari_pseudolabel.workspace import write_text
from napari_pseudolabel.workspace.atomic import csv_text

BEST = "best.safetensors"
_TELL_EVERY = 10
_SMOOTH = 1e-5  # of the losses

Stopped = Literal["steps", "early", "finish"]
"""Why a training ended: all steps done, no longer getting better, or the person said so."""


class SegmenterTraining:
    """One training run.

    Parameters
    ----------
    train, validation
        Labelled planes on the model's grid. Pixels count in training by their weight, and in the validation where
        it is above 0; no pixel may count in both.
    card
        What the network is (``architecture``, ``classes``) and what it expects; becomes the card of
        the checkpoint with the measured quality added.
    device
        CPU when None. CUDA trains with mixed precision.
    weights
        Probability of each training plane.
    start
        Weights of the parent; freshly drawn ones when None.
    learned
        What from, for the calibration of its confidence; None for a network whose confidence nobody will look at.
    """

    def __init__(
        self,
        train: Sequence[LabelledPlane],
        validation: Sequence[LabelledPlane],
        card: Card,
        settings: SegmenterSettings,
        *,
        device: torch.device | None = None,
        weights: Sequence[float] | None = None,
        start: Mapping[str, Tensor] | None = None,
        learned: Learned | None = "labels",
    ) -> None:
        if not validation:
            raise InputError(
                "There is no validation image; keep at least one labelled image out of training."
            )
        if card.source is not None:
            seen = with_texture(card.source, [plane.image for plane in train])
            card = card.model_copy(update={"source": seen})
        self.card, self.settings, self.learned = card, settings, learned
        self.device = device or torch.device("cpu")
        self._values = np.array([c.value for c in card.classes], np.uint8)
        tile = monai_unet.architecture_of(card).tile
        self.validation = [part for plane in validation for part in windows(plane, tile)]
        geometry = Geometry(zoom=(settings.zoom_out, settings.zoom_in))
        self.patches = LabelledPatches(train, self._values.tolist(), weights, geometry)
        self._batches = Prefetcher.on(self.device, self._draw)
        # Only the first weights are drawn from torch's own generator, which others may use too.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = monai_unet.build(card)
        if start is not None:
            self.network.load_state_dict(start)
        self.network.to(self.device)
        self.average = (
            AveragedModel(self.network, multi_avg_fn=running_average(settings.ema)) if settings.ema else None
        )
        self.has_parent = start is not None
        self.optimiser = torch.optim.AdamW(self.network.parameters(), settings.lr, weight_decay=1e-4)
        self.rate = torch.optim.lr_scheduler.LambdaLR(self.optimiser, settings.rate)
        self.autocast = self.device.type == "cuda" and multiplies_bfloat16(self.device)
        self.parts = 1
        self.step = 0
        self.before: Score | None = None
        self.best: Score | None = None
        self.stopped: Stopped | None = None
        self._epochs: list[JsonObject] = []
        self._losses: list[float] = []

    def _draw(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Augmented images, truth and weights of a step, on the CPU."""
        s = self.settings
        images, truth, weight = self.patches.batch(s.patch, s.batch, seed=s.seed, step=step)
        generator = torch.Generator().manual_seed(s.seed * 1_000_003 + step)
        if s.any_contrast:
            images = any_contrast(
                images, truth, len(self._values), s.any_contrast, generator, in_order=s.in_order
            )
        if s.class_shift:
            images = shift_classes(images, truth, len(self._values), s.class_shift, generator)
        return augment(images, generator), truth, weight

    def backward(self) -> float:
        """Leave the gradients of the current step in the network; returns the loss."""
        images, truth, weight = self._batches(self.step)
        whole = weight.sum().clamp_min(1e-5)
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for part in zip(*(tensor.chunk(self.parts) for tensor in (images, truth, weight)), strict=True):
            x, y, w = (tensor.to(self.device) for tensor in part)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
                logits = self.network(x)
            loss = torch.stack(list(dice_cross_entropy(logits, y, w).values())).sum() * (
                part[2].sum() / whole
            )
            if not torch.isfinite(loss):
                raise InputError(f"The training diverged at step {self.step}; lower the learning rate.")
            loss.backward()
            total += loss.item()
        return total

    def train_step(self) -> float:
        """One optimiser step; returns the loss. Where memory runs out, the batch is computed in more parts."""
        loss = None
        while loss is None:
            try:
                loss = self.backward()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Out of the except clause, where the traceback would keep the tensors alive.
            if loss is None:
                self._use_less_memory()
        self.optimiser.step()
        if self.average is not None:
            self.average.update_parameters(self.network)
        self.rate.step()
        self.step += 1
        return loss

    def _use_less_memory(self) -> None:
        s = self.settings
        if self.parts >= s.batch:
            raise DeviceError(
                f"Out of memory even with single patches of {s.patch} pixels; choose smaller patches, or the device cpu."
            )
        self.parts = min(2 * self.parts, s.batch)
        self.optimiser.zero_grad(set_to_none=True)
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the person about what was done differently."""
        if self.parts == 1:
            return ()
        at_once = -(-self.settings.batch // self.parts)
        return (
            f"Memory ran out, so batches of {self.settings.batch} patches were computed {at_once} at a time.",
        )

    @property
    def kept(self) -> nn.Module:
        """The network that is validated and saved."""
        return self.network if self.average is None else self.average.module

    def validate(self, control: Control = Control()) -> Score:
        """Score all validation pixels together; `control` may only cancel."""
        segmenter = monai_unet.MonaiSegmenter(self.card, "in training", self.kept.eval())
        classes = {c.name: c.value for c in self.card.classes if c.value}
        settings = TileSettings(device=str(self.device))

        def predict(image: NDArray[np.float32]) -> NDArray[np.uint8]:
            found = segmenter.probabilities(
                image,
                settings=settings,
                control=Control(cancelled=control.cancelled),
                part=of_limits(IntensityRange(0.0, 1.0, clip=False)),
            )
            return self._values[found.argmax(axis=0)]

        return score(self.validation, predict, classes, self.step)

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on, atomically."""
        state = {
            "settings": dataclasses.asdict(self.settings),
            "step": self.step,
            "before": self.before and dataclasses.asdict(self.before),
            "best": self.best and dataclasses.asdict(self.best),
            "epochs": self._epochs,
            "losses": self._losses,
            "network": self.network.state_dict(),
            "average": {} if self.average is None else self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rate": self.rate.state_dict(),
        }
        save_state(path, state)

    def resume(self, path: Path) -> bool:
        """Go on from `path` if it is there; True if it was."""
        state = load_state(path, dataclasses.asdict(self.settings))
        if state is None:
            return False
        self.network.load_state_dict(state["network"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.rate.load_state_dict(state["rate"])
        self.step = int(state["step"])
        self.before = Score(**state["before"]) if state["before"] else None
        self.best = Score(**state["best"]) if state["best"] else None
        self._epochs, self._losses = list(state["epochs"]), list(state["losses"])
        return True

    def run(self, folder: Path, control: Control | None = None, notes: Sequence[str] = ()) -> Score:
        """Train to the end; `folder` gets ``best.safetensors``, the curve and the state.

        Goes on where a stopped or killed training left off in `folder`. Tells `control` a `TrainStart` with the
        `notes`, a `Loss` every ten steps and an `Epoch` per validation; `stopped` says afterwards why it ended.

        Returns
        -------
        Score
            The best validation. If the person finished before the first step, that of the untrained weights.

        Raises
        ------
        Cancelled
            If `control` says so; the state is saved first.
        """
        folder.mkdir(parents=True, exist_ok=True)
        control = control or Control()
        self.resume(folder / STATE)
        stage = control.stage("Training the segmenter", self.settings.steps)
        stage.resume_at(self.step)
        try:
            if self.has_parent and self.before is None:
                self.before = self.validate(control)
            control.emit(TrainStart(self.step, self.before, tuple(notes)))
            while True:
                if self._epoch_is_due():
                    self._end_epoch(folder, control)
                if stopped := self._ended() or ("finish" if stage.hold() else None):
                    break
                self._losses.append(self.train_step())
                if self.step % _TELL_EVERY == 0:
                    control.emit(Loss(self.step, {"loss": float(np.mean(self._losses[-_TELL_EVERY:]))}))
                stage.advance()
            if not self._validated():
                self._end_epoch(folder, control)
            if self.learned is not None:
                self._calibrate(folder / BEST, self.learned, control)
        except Cancelled:
            # Raised between two steps; any other end may leave a step half done, which is not kept.
            self.save(folder / STATE)
            raise
        self.stopped = stopped
        assert self.best is not None
        return self.best

    def _ended(self) -> Stopped | None:
        if self.step >= self.settings.steps:
            return "steps"
        patience = self.settings.patience
        if patience is not None and self.best is not None:
            since = sum(epoch["step"] > self.best.step for epoch in self._epochs)
            if since >= patience:
                return "early"
        return None

    def _validated(self) -> bool:
        return bool(self._epochs) and self._epochs[-1]["step"] == self.step

    def _epoch_is_due(self) -> bool:
        s = self.settings
        ends = self.step > 0 and (self.step % s.validate_every == 0 or self.step >= s.steps)
        return ends and not self._validated()

    def _end_epoch(self, folder: Path, control: Control) -> None:
        """Validate, keep the weights if they are the best so far, tell, and save."""
        found = self.validate(control)
        better = self.best is None or found.mean > self.best.mean
        content = None
        if better:
            self.best = found
            path = folder / BEST
            monai_unet.save(self.kept, self._scored(found), path, half=True)
            content = path.read_bytes()
        loss = float(np.mean(self._losses)) if self._losses else math.nan
        self._losses.clear()
        self._epochs.append({"loss": loss, **dataclasses.asdict(found)})
        self._write_curve(folder / "validation.csv")
        self.save(folder / STATE)
        control.emit(Epoch(len(self._epochs), found, better, content))

    def _calibrate(self, path: Path, learned: Learned, control: Control) -> None:
        """Measure how sure the best weights may be, and write it into their card; once."""
        with torch.random.fork_rng(devices=[]):  # a network is made to be filled
            best = monai_unet.loads(Offer(path))
        if best.card.calibration is not None:
            return
        control.report(Progress("Measuring how sure it may be", 0, 1))
        found = calibrated(
            best,
            self.validation,
            learned=learned,
            device=str(self.device),
            command=self.card.training.command,
            control=control,
        )
        card = best.card.model_copy(update={"calibration": found})
        monai_unet.save(best.network, card, path, half=True)

    def _scored(self, found: Score) -> Card:
        names = list(dict.fromkeys(plane.name for plane in self.validation))
        pixels = sum(p.image.size if p.weight is None else int((p.weight > 0).sum()) for p in self.validation)
        where = f"{pixels} validation pixels, which chose the step ({some(names, 5)})"
        quality = measures_of(found, where)
        training = self.card.training.model_copy(update={"steps": found.step})
        return self.card.model_copy(update={"quality": quality, "training": training, "calibration": None})

    def _write_curve(self, path: Path) -> None:
        names = [c.name for c in self.card.classes if c.value]
        kinds = list(dict.fromkeys(name for one in self._epochs for name in one.get("f1", {})))
        rows = [
            [
                one["step"],
                one["loss"],
                one["mean"],
                *(one["per_class"].get(name, "") for name in names),
                *(one.get("f1", {}).get(name, "") for name in kinds),
            ]
            for one in self._epochs
        ]
        heads = ["step", "loss", "mean_dice", *names, *(f"f1_{name}" for name in kinds)]
        write_text(path, csv_text(heads, rows))


def dice_cross_entropy(logits: Tensor, truth: Tensor, weight: Tensor) -> dict[str, Tensor]:
    """Return the two losses over a whole batch.

    Parameters
    ----------
    logits
        (B, K, h, w) float.
    truth
        (B, h, w) int64, index of the class of each pixel; channel 0 is the background.
    weight
        (B, h, w) float32 in [0, 1]. A pixel of weight 0 has no part in either loss nor in any gradient.

    Returns
    -------
    dict
        ``dice``: 1 minus the mean Dice of the classes without the background, of the probabilities of
        the whole batch. ``cross_entropy``: weighted mean over the pixels. Both are 0 where nothing weighs.

    Notes
    -----
    With weights of 1 their sum is MONAI's ``DiceCELoss(include_background=False, softmax=True, batch=True)``.
    """
    logits = logits.float()
    each = F.cross_entropy(logits, truth, reduction="none")
    cross_entropy = (weight * each).sum() / weight.sum().clamp_min(_SMOOTH)
    chances = logits.softmax(1)[:, 1:]
    hot = F.one_hot(truth, logits.shape[1]).movedim(-1, 1)[:, 1:].to(chances.dtype)
    w = weight[:, None]
    axes = (0, 2, 3)
    common = (w * chances * hot).sum(axes)
    total = (w * chances).sum(axes) + (w * hot).sum(axes)
    dice = 1 - ((2 * common + _SMOOTH) / (total + _SMOOTH)).mean()
    return {"dice": dice, "cross_entropy": cross_entropy}
