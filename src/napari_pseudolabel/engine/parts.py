"""A job that was cut into parts, handed to workers one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_pseudolabel.engine.work import Work
from napari_pseudolabel.errors import Cancelled, ElsewhereError

if TYPE_CHECKING:
    from napari_pseudolabel.strategies import Job, LabelPlan, PseudoLabel, RunReport
    from napari_pseudolabel.strategies.chunks import Chunk, ViewCentre


def run_parts(
    work: Work,
    plan: LabelPlan,
    run: Callable[[Job, int], PseudoLabel],
    finished: Callable[[int, PseudoLabel], None],
    width: int,
) -> list[RunReport]:
    """Keep every worker busy with the part that matters most at this moment.

    Pixels are sent where workers see another file than the one that the image comes from, or none.

    Parameters
    ----------
    run
        Runs the job of a part, given with its number from 1, on a worker and waits for it.
    finished
        Called with the number and the result of every part.
    width
        How many parts are under way at the same time.

    Returns
    -------
    list
        The report of every part.

    Raises
    ------
    Exception
        What the first part that failed raised; `Cancelled` if the job was cancelled.
    """
    handle = work.handle
    # What comes first stands last; sorted again only where the person looks elsewhere: there may be 100,000.
    waiting = list(enumerate(plan.chunks, start=1))
    sorted_for: list[ViewCentre | None] = []
    reports: list[RunReport] = []
    failed: list[Exception] = []
    lock = threading.Lock()
    elsewhere = threading.Event()

    def answer(chunk: Chunk, number: int) -> PseudoLabel:
        if not elsewhere.is_set():
            try:
                return run(plan.sent(chunk), number)
            except ElsewhereError:
                plan.sent(chunk)  # which says so where the image was changed meanwhile
                elsewhere.set()
        return run(plan.load(chunk), number)

    def feed() -> None:
        while not handle.cancelled:
            with lock:
                if not waiting or failed:
                    return
                focus = handle.focus
                if sorted_for != [focus]:
                    waiting.sort(key=lambda item: plan.distance(item[1], focus), reverse=True)
                    sorted_for[:] = [focus]
                number, chunk = waiting.pop()
            result = answer(chunk, number)
            if handle.cancelled:
                return
            plan.arrived(result)
            with lock:
                reports.append(result.report)
            finished(number, result)

    def feed_and_tell() -> None:
        try:
            feed()
        except Exception as error:
            failed.append(error)

    feeders = [
        threading.Thread(target=feed_and_tell, name=f"pseudolabel-feed-{i}", daemon=True)
        for i in range(min(width, len(waiting)))
    ]
    for feeder in feeders:
        feeder.start()
    for feeder in feeders:
        feeder.join()
    if handle.cancelled:
        raise Cancelled
    if failed:
        raise failed[0]
    return reports
