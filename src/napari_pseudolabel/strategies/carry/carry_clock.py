"""How long carrying takes in all: its steps differ, and each knows only how far it is itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.wording import duration


@dataclass(eq=False)
class CarryStep:
    """One step of the work.

    Attributes
    ----------
    words
        What is done, a clause for the person.
    stage
        How its counted stage is called, or begins; what others count says nothing about the whole.
    seconds
        About how long it takes on one thread of a usual CPU; may be corrected before it begins.
    timed
        It takes so long on every machine.
    """

    words: str
    stage: str
    seconds: float
    timed: bool = False


@dataclass(eq=False)
class CarryClock:
    """Says when a step begins, and counts the steps after it into the time that is left.

    Attributes
    ----------
    control
        Hears it.
    steps
        In their order.
    """

    control: Control
    steps: Sequence[CarryStep]
    # Usual seconds of the steps of which so much is known, and those that they take here.
    _seen: dict[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """How many times as long as usual the steps take here that were seen."""
        usual, here = (sum(one[side] for one in self._seen.values()) for side in (0, 1))
        return here / usual if usual > 0 else 1.0

    def begin(self, step: CarryStep) -> Control:
        """Say that a step begins, and return its control."""
        number = self.steps.index(step) + 1
        left = duration(self._left(self.steps[number - 1 :]))
        self.control.emit(f"Step {number} of {len(self.steps)}: {step.words}; about {left} left in all.")

        def report(progress: Progress) -> None:
            left = progress.seconds_left
            if left is not None and progress.stage.startswith(step.stage):
                if progress.done < progress.total and not step.timed:
                    # Also where it goes on from an earlier run: what is left of it counts.
                    self._seen[number] = step.seconds, left / (1 - progress.done / progress.total)
                progress = replace(progress, seconds_left=left + self._left(self.steps[number:]))
            self.control.report(progress)

        return replace(self.control, report=report)

    def _left(self, steps: Sequence[CarryStep]) -> float:
        return sum(one.seconds * (1.0 if one.timed else self.rate) for one in steps)
