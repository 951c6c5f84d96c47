"""What every dock does in its life: begins, takes its keys, says what went wrong, and ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pseudolabel.widgets.common.dock_view import DockView
    from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner

Key = tuple[str, Callable[[], None]]


class DockController(QObject):
    """Base of the controllers. A subclass says what is done when the dock is opened and closed.

    Parameters
    ----------
    viewer
        The viewer whose layers the dock works with; None for a dock that needs none.
    view
        The widgets; `view.error` shows what went wrong.
    runner
        Runs the jobs of this dock; None for a dock without any.
    """

    viewer: ViewerModel

    def __init__(self, viewer: ViewerModel | None, view: DockView, runner: JobRunner | None = None) -> None:
        super().__init__()
        self.view = view
        self._runner = runner
        self._executor = SerialExecutor()
        self._active = False
        self._keys = ExitStack()
        if viewer is not None:
            self.viewer = viewer
            viewer.layers.selection.events.active.connect(self._on_active)

    # What a subclass says.

    @property
    def doing(self) -> str:
        """What would be lost if the window were closed now; empty if nothing."""
        return ""

    def keys(self) -> Iterable[Key]:
        """Return the keys of the dock, and what they do."""
        return ()

    def opened(self) -> None:
        """Begin, when the dock is shown for the first time, or again after it was closed."""

    def closed(self) -> None:
        """Give back what was taken from the viewer, and forget what is under way, when the dock is closed."""

    def activated(self, layer: Layer | None) -> None:
        """Follow the person to another active layer; None for none."""

    # What the dock does.

    @property
    def settled(self) -> bool:
        """Whether nothing is being read or written beside the window."""
        return not self._executor.busy

    def start(self) -> None:
        """Begin; does nothing the second time."""
        if self._active:
            return
        self._active = True
        for key, action in self.keys():
            self._keys.callback(shortcuts.bind(self.viewer, key, action))
        if self._runner is not None:
            self._runner.start()
        self.opened()

    def shutdown(self, timeout: float = 10.0) -> bool:
        """Stop all work and end all threads; may be called any number of times.

        Returns
        -------
        bool
            True once no thread is left.
        """
        active, self._active = self._active, False
        self._keys.close()
        try:
            if active:
                self.closed()
        finally:  # also where the widgets are gone already
            self._executor.shutdown()
            ended = self._runner.shutdown(timeout) if self._runner is not None else True
        return bool(ended)

    def show_failure(self, failure: Failure) -> None:
        """Say what went wrong, unless the dock is closed."""
        if self._active:
            self.view.error.show_error(failure.sentence, failure.details)

    def _on_active(self, event: object = None) -> None:
        if self._active:  # else the dock is closed, and its widgets may be gone
            self.activated(self.viewer.layers.selection.active)
