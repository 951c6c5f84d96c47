"""Looks at a translator training: the same crops every N steps, measured, warned about, the best step kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Picture
from torch import Tensor

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.training.common.training_events import TranslatorPreview
from napari_pseudolabel.training.common.training_record import CurveFile
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.translator.syndiff_steps import SynDiffSteps
from napari_pseudolabel.training.translator.translation_measures import Crossing, cutoff, measure, probed
from napari_pseudolabel.workspace import atomic_file

Weights = tuple[dict[str, Tensor], dict[str, Tensor]]

PREVIEWS, MEASURES = "previews", "measures.csv"
_CROPS = 4
# Apart from the seeds of trainings, which are small.
_SEED = 2**31 - 1
_SHOWN = ("quality", "content", "look", "sharpness", "cycle", "cycle_probed", "hidden", "contrast")
_WORSE = 0.93
_HIDDEN = 0.05
_GROWN = 1.5
_BLURRED, _ROUGH = 0.25, 4.0
_TURNED = 0.2
_NAMES = (("the target", "source_to_target"), ("the source", "target_to_source"))


@dataclass(frozen=True, eq=False)
class Best:
    """The best step so far.

    Attributes
    ----------
    step, measures
        When, and what was measured.
    weights
        Of the averaged diffusive generators that make modality 0 and 1, on the CPU.
    """

    step: int
    measures: dict[str, float]
    weights: Weights


class TranslatorMonitor:
    """Previews and measures of a `SynDiffTraining`, without any influence on it.

    Crops, noise and latents are the same at every step, so that nothing but the training changes the measures.

    Parameters
    ----------
    folder
        Gets ``measures.csv`` and ``previews/STEP.png``.
    pools
        Those of the training.
    side
        Of the crops, in pixels; a multiple of the stride of the generator.
    every
        Steps between two looks; the last step is always looked at.
    keep
        Called with every new best.
    from_start
        Whether to look before the first step as well, because the training starts from trained weights.
    """

    def __init__(
        self,
        folder: Path,
        pools: tuple[PatchPool, PatchPool],
        side: int,
        every: int,
        keep: Callable[[Best], None] = lambda best: None,
        *,
        from_start: bool = False,
    ) -> None:
        if every < 1:
            raise InputError(f"Previews come every 1 step or more, not every {every}.")
        self.folder, self.every, self.keep, self.from_start = folder, every, keep, from_start
        self.crops = tuple(
            dataclasses.replace(pool, zoom=(1.0, 1.0)).batch(side, _CROPS, seed=_SEED, step=k)[:, :1]
            for k, pool in enumerate(pools)
        )
        self.cutoffs = cutoff(self.crops[0].numpy()[:, 0]), cutoff(self.crops[1].numpy()[:, 0])
        self.history: list[tuple[int, dict[str, float]]] = []
        self.best: Best | None = None
        self._curve = CurveFile(folder / MEASURES, ("step", *_SHOWN))

    def due(self, run: SynDiffSteps, *, last: bool = False) -> bool:
        """Whether to look at this step; `last` says that no further one comes."""
        step = run.step
        if self.history and self.history[-1][0] >= step:
            return False
        if step == 0:
            return self.from_start
        if step <= run.settings.warm_up and not last:
            return False  # the generators are still those of the start
        return step % self.every == 0 or last

    def observe(self, run: SynDiffSteps, control: Control) -> None:
        """Translate the crops there and back, measure, keep the best, tell."""
        ways = self._cross(run, control)
        measures = measure(ways, self.cutoffs)
        measures["quality"] = quality(measures)
        self.history.append((run.step, measures))
        best = self.best is None or measures["quality"] > self.best.measures["quality"]
        if best:
            weights = tuple(
                {name: value.detach().cpu().clone() for name, value in run.averaged(k).state_dict().items()}
                for k in (0, 1)
            )
            self.best = Best(run.step, measures, weights)  # type: ignore[arg-type]
            self.keep(self.best)
        shown = np.stack([np.stack([way.real[0], way.made[0], way.back[0]]) for way in ways])
        self._write(run.step, shown, measures)
        warning = divergence(self.history)
        control.emit(TranslatorPreview(run.step, shown, measures, best, warning))

    def state(self) -> Mapping[str, Any]:
        """History and best step for the state of the training, of types that survive ``weights_only`` loading."""
        return {
            "history": [[step, measures] for step, measures in self.history],
            "best": None if self.best is None else [self.best.step, self.best.measures, *self.best.weights],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take what `state` gave; an empty one begins anew."""
        self.history = [(int(step), dict(measures)) for step, measures in state.get("history", [])]
        best = state.get("best")
        self.best = None if best is None else Best(best[0], dict(best[1]), (dict(best[2]), dict(best[3])))
        self._curve.cut(self.history[-1][0] if self.history else -1)
        if self.best is not None:
            self.keep(self.best)  # a kill may have left the files of a later step behind

    def _cross(self, run: SynDiffSteps, control: Control) -> Sequence[Crossing]:
        real = [crops.numpy()[:, 0] for crops in self.crops]
        ways = []
        for k in (0, 1):
            noise = 4 * k
            made = self._translate(run, 1 - k, real[k], noise, control)
            back = self._translate(run, k, made, noise + 1, control)
            perturbed = probed(made, self.cutoffs[1 - k], seed=noise + 2)
            # The same noise as on the plain way back, so that nothing but the probe differs.
            back_probed = self._translate(run, k, perturbed, noise + 1, control)
            ways.append(Crossing(real[k], made, back, back_probed, real[1 - k]))
        return ways

    def _translate(
        self, run: SynDiffSteps, k: int, images: NDArray[np.float32], noise: int, control: Control
    ) -> NDArray[np.float32]:
        """Make images of modality `k` by the averaged generator; (N, H, W) in [0, 1] both."""
        control.check()
        network = run.averaged(k)
        training = network.training
        draw = torch.Generator().manual_seed(_SEED + noise)
        try:
            network.eval()
            x = torch.from_numpy(images)[:, None] * 2 - 1
            with torch.no_grad():
                state = run.sample(network, x.to(run.device), draw)
        finally:
            network.train(training)
        return ((state.float().cpu()[:, 0] + 1) / 2).clamp(0, 1).numpy()

    def _write(self, step: int, shown: NDArray[np.float32], measures: Mapping[str, float]) -> None:
        self._curve.append({"step": step, **measures})
        folder = self.folder / PREVIEWS
        folder.mkdir(exist_ok=True)
        rows = np.concatenate([np.concatenate(list(row), axis=1) for row in shown], axis=0)
        with atomic_file(folder / f"{step:06d}.png") as temporary:
            Picture.fromarray(np.round(rows * 255).astype(np.uint8)).save(temporary, format="PNG")


def quality(measures: Mapping[str, float]) -> float:
    """One number to choose a step by, in [0, 1].

    The geometric mean of three things that are worthless without each other: the structures of the source
    (``content``; a copy of the source would have all of them), the grey values of the other modality (``look``), and its
    fine structure (``sharpness``; both too little and too much count against it). The way back is left out on purpose:
    it gets better and better while translations get worse.
    """
    fine = measures["sharpness"]
    fine = min(fine, 1 / fine) if fine > 0 else 0.0
    return float((max(measures["content"], 0.0) * measures["look"] * fine) ** (1 / 3))


def divergence(history: Sequence[tuple[int, Mapping[str, float]]]) -> str:
    """One sentence when the measures of a training part ways, empty otherwise.

    Parameters
    ----------
    history
        Step and measures of every look so far, the newest last.
    """
    (_, first), (_, now) = history[0], history[-1]
    if now["hidden"] > max(_HIDDEN, _GROWN * first["hidden"]):
        return (
            "The way back works only while the fine patterns of the translation are left alone, so they may carry what "
            "its structures should show; look at the preview before going on."
        )
    step, best = max(((step, quality(m)) for step, m in history), key=lambda pair: pair[1])
    # Twice in a row, because single looks waver.
    if len(history) > 2 and all(quality(m) < _WORSE * best for _, m in history[-2:]):
        better_back = now["cycle"] < min(m["cycle"] for _, m in history[:-1])
        although = " although the way back gets better" if better_back else ""
        return (
            f"The translations have become worse since step {step}{although}; that step is kept, and going on "
            "rarely helps."
        )
    for name, way in _NAMES:
        # Looks of older versions did not measure it.
        then, sign = (look.get(f"contrast_{way}", 0.0) for look in (first, now))
        if then * sign < 0 and min(abs(then), abs(sign)) > _TURNED:
            became = "bright became dark" if sign < 0 else "bright stayed bright"
            return (
                f"Images translated into {name} modality have turned their contrast around since step {history[0][0]}; now "
                f"{became}. Nothing but your eyes can tell which is right; look at the preview before going on."
            )
    for name, way in _NAMES:
        ratio = now[f"sharpness_{way}"]
        if not _BLURRED <= ratio <= _ROUGH:
            how = "much more blurred" if ratio < _BLURRED else "much rougher"
            return f"Images translated into {name} modality are {how} than real ones; look at the preview before going on."
    return ""
