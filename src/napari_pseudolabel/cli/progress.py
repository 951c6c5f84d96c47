"""Progress of a job in the shell, and Ctrl-C that stops it cleanly."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from napari_pseudolabel.cli.output import say
from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.wording import duration, sentence


class Stopped(Exception):
    """The person stopped a command that has more to say than that nothing was changed."""


def _never() -> bool:
    return False


@contextmanager
def shown_progress(cancelled: Callable[[], bool] = _never) -> Iterator[Control]:
    """Yield a control that shows the current stage as a bar on standard error, if that is a terminal.

    Sentences that the control is told are printed there, too.
    """

    def tell(event: object) -> None:
        if isinstance(event, str):
            say(event, to=sys.stderr)

    if not sys.stderr.isatty():  # a log wants no bars
        yield Control(cancelled=cancelled, emit=tell)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None, left="")

        def report(progress: Progress) -> None:
            seconds = progress.seconds_left
            left = (
                ""
                if seconds is None or progress.done == progress.total
                else f"about {duration(seconds)} left"
            )
            # A stage without a count (loading) pulses.
            total = progress.total if progress.total > 1 or progress.done else None
            bars.update(
                task, description=sentence(progress.stage), completed=progress.done, total=total, left=left
            )

        yield Control(report, cancelled, tell)


@contextmanager
def interruptible() -> Iterator[Control]:
    """Show progress; the first Ctrl-C asks the job to stop where it can, the second one interrupts it."""
    stop = threading.Event()

    def first(_signal: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, first)
    try:
        with shown_progress(stop.is_set) as control:
            yield control
    finally:
        signal.signal(signal.SIGINT, before)


def prefixed(control: Control, prefix: str) -> Control:
    """Return the same control, whose stages begin with `prefix`."""
    if not prefix:
        return control

    def report(progress: Progress) -> None:
        name = f"{prefix}{progress.stage}"
        control.report(Progress(name, progress.done, progress.total, progress.seconds_left))

    return replace(control, report=report)
