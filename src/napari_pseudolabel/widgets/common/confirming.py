"""Confirming: everything in a part of an image is labelled rightly now. The docks share this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_pseudolabel.imaging import Image
from napari_pseudolabel.viewer import Corrections, plane_key
from napari_pseudolabel.viewer.corrections import Index, Window
from napari_pseudolabel.viewer.effort import EffortLog
from napari_pseudolabel.widgets.common.background import Failure

if TYPE_CHECKING:
    from napari_pseudolabel.widgets.common.aside import Aside
    from napari_pseudolabel.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Confirmed:
    """A part of a plane of labels that was confirmed."""

    labels: Any
    plane: Index
    window: Window

    def take_back(self) -> None:
        """The part is not confirmed any more; which pixels validate is remembered all the same."""
        unconfirm(self.labels, self.plane, self.window)


def confirm(
    labels: Any,
    image: Image | None,
    plane: Index,
    window: Window,
    *,
    workspace: Workspace,
    aside: Aside,
    done: Callable[[], None],
    failed: Callable[[Failure], None],
    tool: str = "confirm",
) -> Confirmed:
    """Confirm a part of a plane, and let a share of it validate trainings.

    Parameters
    ----------
    labels
        The layer.
    image
        What was labelled; None if it is not open, and then nothing of the part validates.
    plane
        Index over the axes before Y and X.
    window
        Part of Y and X, with bounds.
    workspace
        Keeps which pixels validate.
    aside
        Touches the files.
    done
        Called once the workspace knows of it, too.
    failed
        Called instead if it cannot be written.
    tool
        What the effort log calls it.
    """
    Corrections.of(labels).confirm(plane, window)
    EffortLog.of(labels).note(tool, plane, window)
    if image is None:
        done()
    else:
        split = workspace.split
        rows, columns = window
        box = (rows.start, columns.start, rows.stop, columns.stop)

        def assigned(_: None) -> None:
            # Whoever counts regions may have done so before the workspace knew of this one.
            for listener in tuple(Corrections.of(labels).listeners):
                listener(plane, window)
            done()

        aside.run(lambda: split.assign(plane_key(image, plane), box), assigned, failed)
    return Confirmed(labels, plane, window)


def unconfirm(labels: Any, plane: Index, window: Window) -> None:
    """Take a confirmation back; corrections stay corrections."""
    Corrections.of(labels).unconfirm(plane, window)
    EffortLog.of(labels).note("unconfirm", plane, window)
