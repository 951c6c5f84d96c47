"""Confirming: what is labelled in a part of an image is labelled rightly now. The docks share this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.collection.confirmed_planes import ConfirmedPlanes
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.imaging.plane_key import plane_key
from napari_pseudolabel.labels.refitting import ConfirmedRegion
from napari_pseudolabel.labels.windows import Index, Window, box_of, holding, key_of, moved
from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.viewer.confirmed_confidence import confirmed_of, confirmed_regions, note_confirmed
from napari_pseudolabel.viewer.effort import EffortLog
from napari_pseudolabel.widgets.common.job_runner import Failure

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
    from napari_pseudolabel.workspace import Workspace

NOTHING = "Nothing here was predicted or painted yet, so there is nothing to confirm: label this part first."


@dataclass(frozen=True, eq=False)
class Confirmed:
    """A part of a plane of labels that was confirmed.

    Attributes
    ----------
    image
        That was labelled; None if it is not open.
    left_out
        Share of the part that is not confirmed, because it was never predicted, in [0, 1).
    """

    labels: Labels
    image: Image | None
    plane: Index
    window: Window
    left_out: float = 0.0


def confirm(
    labels: Labels,
    image: Image | None,
    plane: Index,
    window: Window,
    *,
    workspace: Workspace,
    executor: SerialExecutor,
    done: Callable[[], None],
    failed: Callable[[Failure], None],
    confidence: NDArray[np.floating] | None = None,
    tool: str = "confirm",
    unpredicted: bool = False,
) -> Confirmed:
    """Confirm a part of a plane, and let a share of it validate trainings.

    What was never predicted, and nobody has painted, stays out.

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
    executor
        Touches the files.
    done
        Called once the workspace knows of it, too.
    failed
        Called instead if it cannot be written.
    confidence
        Of the labels, in their shape: confirmed regions tell how far it is to be believed. None if it is not open.
    tool
        What the effort log calls it.
    unpredicted
        Confirm also what was never predicted: the person was asked.

    Raises
    ------
    InputError
        When nothing of the part was predicted or painted.
    """
    corrections = Corrections.of(labels)
    corrections.sync_part(plane, window)
    if not unpredicted and not corrections.labelled_in((*plane, *window)).any():
        raise InputError(NOTHING)
    before = corrections.confirmed_in(key_of(plane, window))
    taken = corrections.confirm(plane, window, unpredicted=unpredicted)
    note_confirmed(labels, plane, window, taken & ~before, confidence)
    EffortLog.of(labels).note(tool, plane, window)
    if image is None:
        done()
    else:
        split, told = workspace.split, ConfirmedPlanes(workspace)
        noted = _of_plane(labels, plane)
        # So that the share of it that validates holds some of what was confirmed.
        box = box_of(moved(holding(taken), window))

        def assigned(_: None) -> None:
            # Whoever counts regions may have done so before the workspace knew of this one.
            for listener in tuple(Corrections.of(labels).listeners):
                listener(plane, window)
            done()

        def assign() -> None:
            key = plane_key(image, plane)
            split.assign(key, box)
            told.keep(key, noted)

        executor.run(assign, assigned, failed)
    return Confirmed(labels, image, plane, window, 1 - np.count_nonzero(taken) / taken.size)


def unconfirm(
    labels: Labels,
    image: Image | None,
    plane: Index,
    window: Window,
    *,
    workspace: Workspace,
    executor: SerialExecutor,
    failed: Callable[[Failure], None],
) -> None:
    """Take a confirmation back; corrections stay corrections. Parameters as of `confirm`."""
    Corrections.of(labels).unconfirm(plane, window)
    EffortLog.of(labels).note("unconfirm", plane, window)
    if image is not None:
        told, noted = ConfirmedPlanes(workspace), _of_plane(labels, plane)
        executor.run(lambda: told.keep(plane_key(image, plane), noted), lambda _: None, failed)


def _of_plane(labels: Labels, plane: Index) -> list[ConfirmedRegion]:
    return [one for one in confirmed_of(labels) if one.plane == tuple(plane)]


def all_confirmed(viewer: ViewerModel, workspace: Workspace) -> tuple[ConfirmedRegion, ...]:
    """Return what is known of all labels that are open, and of all images of the workspace.

    Raises
    ------
    InputError
        When the workspace cannot be read.
    """
    return tuple(dict.fromkeys((*confirmed_regions(viewer), *ConfirmedPlanes(workspace).regions())))
