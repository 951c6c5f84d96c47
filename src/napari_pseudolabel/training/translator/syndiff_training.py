"""The loop around the steps of a translator training: previews, the best step, saving, pause, stop, resume."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_pseudolabel.control import Control, Stage
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.training.common.training_events import Loss
from napari_pseudolabel.training.common.training_record import STATE, CurveFile, load_state, save_state
from napari_pseudolabel.training.translator.syndiff_steps import SynDiffSteps, plain_settings
from napari_pseudolabel.training.translator.translator_monitor import TranslatorMonitor

Ended = Literal["steps", "finish"]

LOSSES = "losses.csv"
_COLUMNS = ("step", "critic", "adversarial", "cycle", "diffusive", "pair", "imitation")
_REPORT_EVERY = 10

_GO, _FINISH, _CANCEL = range(3)


class SynDiffTraining(SynDiffSteps):
    """One training run, which can be stopped and resumed; see `SynDiffSteps` for what it is made of."""

    def start_from_state(self, path: Path) -> None:
        """Begin with all networks of another training, but with its steps and optimisers left behind.

        Raises
        ------
        InputError
            If the file holds a training of other networks.
        """
        state = load_state(path, {})
        if state is None:
            raise InputError(f"There is no training state {path}; give the training.pt of a training.")
        try:
            for name in ("generators", "critics", "average"):
                self._parts()[name].load_state_dict(state[name])
        except (KeyError, RuntimeError) as error:
            raise InputError(
                f"{path} holds no training of networks of this size; repeat the settings it was trained with."
            ) from error

    def run(
        self, folder: Path, control: Control | None = None, monitor: TranslatorMonitor | None = None
    ) -> Ended:
        """Train until ``settings.steps`` or until the person wants to stop and keep what there is.

        Parameters
        ----------
        folder
            Gets the state and the losses; only rank 0 writes. A new training is resumed from a state in it.
        control
            Hears a `Loss` every 10 steps; wishes and cancels take effect between two steps.
        monitor
            Of rank 0.

        Raises
        ------
        Cancelled
            If `control` says so; the state is saved first.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if self.step == 0:
            self.resume(folder / STATE, monitor)
        between = _BetweenSteps(self, folder, control or Control(), monitor)
        decision = self.ranks.agreed(between({}))
        while decision == _GO and self.step < self.settings.steps:
            losses = self.train_step()
            decision = self.ranks.agreed(between(losses))
        if decision != _CANCEL:
            decision = self.ranks.agreed(max(decision, between.last_look()))
        between.save()
        if decision == _CANCEL:
            raise Cancelled
        return "finish" if decision == _FINISH else "steps"

    def _parts(self) -> dict[str, Any]:
        return {
            "generators": self.generators,
            "critics": self.critics,
            "average": self.average,
            **{f"optimiser_{name}": part for name, part in self.optimisers.items()},
        }

    def save(self, path: Path, watched: Mapping[str, object] | None = None) -> None:
        """Write everything that is needed to go on, atomically; `watched` comes along (see `TranslatorMonitor.state`)."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        about = {"settings": plain_settings(self.settings), "step": self.step, "watched": dict(watched or {})}
        save_state(path, {**about, **parts})

    def resume(self, path: Path, monitor: TranslatorMonitor | None = None) -> bool:
        """Go on from `path` if it is there; True if it was.

        Raises
        ------
        InputError
            If the file belongs to a training with other settings.
        """
        state = load_state(path, plain_settings(self.settings))
        if state is None:
            return False
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.step = int(state["step"])
        self._set_rates()
        if monitor is not None:
            monitor.restore(state.get("watched", {}))
        return True


class _BetweenSteps:
    """What happens between two steps: all of it in rank 0, nothing in the others."""

    def __init__(
        self, run: SynDiffTraining, folder: Path, control: Control, monitor: TranslatorMonitor | None
    ) -> None:
        self.run, self.folder, self.control, self.watch = run, folder, control, monitor
        self.curve = CurveFile(folder / LOSSES, _COLUMNS)
        self.losses: dict[str, list[float]] = defaultdict(list)
        self.stage: Stage | None = None
        if run.ranks.first:
            self.curve.cut(run.step)

    def __call__(self, losses: Mapping[str, float]) -> int:
        """Report, save and look after a step (without losses: before the first) and return what comes next."""
        run = self.run
        if not run.ranks.first:
            return _GO
        try:
            if losses:
                self._report(losses)
                if run.step % run.settings.save_every == 0:
                    self.save()
            if self.stage is None:
                self.stage = self.control.stage("Training the translator", run.settings.steps)
                self.stage.resume_at(run.step)
            else:
                self.stage.advance()
            self._look(last=False)
            if self.control.wish() == "pause":
                self.save()  # whatever happens while it waits
            return _FINISH if self.stage.hold() else _GO
        except Cancelled:
            return _CANCEL

    def last_look(self) -> int:
        """Look at the last step, if that is wanted."""
        try:
            self._look(last=True)
        except Cancelled:
            return _CANCEL
        return _GO

    def save(self) -> None:
        """Write the state; only rank 0 does."""
        if self.run.ranks.first:
            self.run.save(self.folder / STATE, self.watch.state() if self.watch else None)

    def _look(self, *, last: bool) -> None:
        if self.run.ranks.first and self.watch is not None and self.watch.due(self.run, last=last):
            self.watch.observe(self.run, self.control)
            self.save()

    def _report(self, losses: Mapping[str, float]) -> None:
        for name, value in losses.items():
            self.losses[name].append(value)
        if self.run.step % _REPORT_EVERY:
            return
        means = {name: float(np.mean(values)) for name, values in self.losses.items()}
        self.losses.clear()
        self.curve.append({"step": self.run.step, **means})
        self.control.emit(Loss(self.run.step, means))
