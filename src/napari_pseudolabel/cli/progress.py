"""Progress of a job in the shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from napari_pseudolabel.control import Control, Progress


@contextmanager
def shown_progress() -> Iterator[Control]:
    """Yield a control that shows each stage as a bar on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.fields[left]}"))
    with Bars(*columns, console=Console(stderr=True), transient=False) as bars:
        tasks: dict[str, TaskID] = {}

        def report(progress: Progress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(progress.stage, total=progress.total, left="")
            seconds = progress.seconds_left
            left = "" if seconds is None or progress.done == progress.total else f"about {_duration(seconds)} left"
            bars.update(tasks[progress.stage], completed=progress.done, total=progress.total, left=left)

        yield Control(report)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
