"""How far work is, in the words of a dock."""

from __future__ import annotations

from napari_pseudolabel.control import Progress
from napari_pseudolabel.wording import duration


def progress_text(progress: Progress) -> str:
    """How far work is, how long it will take, and what is being done, which a narrow dock may cut."""
    parts = []
    if progress.total > 1 and progress.done:
        parts.append(f"{100 * progress.done // progress.total} %")
        if progress.seconds_left is not None:
            parts.append(f"about {duration(max(1, progress.seconds_left))} left")
    return ": ".join(filter(None, (", ".join(parts), progress.stage)))
