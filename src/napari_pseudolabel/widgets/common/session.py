"""What the docks of one viewer share: the engine, the workspace, and the segmenter in use."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.widgets.common.background import RunnerLike

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.workspace import Workspace


class Session(QObject):
    """One per viewer, for as long as one of its docks holds on to it.

    Attributes
    ----------
    segmenter_changed
        Emitted with the reference of a segmenter that shall be used from now on.
    """

    segmenter_changed = Signal(str)

    # Viewers cannot be hashed, so they are told apart by identity; an entry goes with its last dock.
    _of: weakref.WeakValueDictionary[int, Session] = weakref.WeakValueDictionary()

    def __init__(self) -> None:
        super().__init__()
        self._workspace: Workspace | None = None
        self._shared: Any = None

    @classmethod
    def of(cls, viewer: ViewerModel) -> Session:
        """The session of a viewer; made for its first dock. The caller keeps the reference."""
        plain = getattr(viewer, "__wrapped__", viewer)  # plugins are handed a proxy
        session = cls._of.get(id(plain))
        if session is None:
            session = cls()
            cls._of[id(plain)] = session
        return session

    @property
    def workspace(self) -> Workspace:
        """The folder of this labelling effort."""
        if self._workspace is None:
            from napari_pseudolabel.workspace import Workspace

            self._workspace = Workspace.default()
        return self._workspace

    @property
    def make_runner(self) -> Callable[[], RunnerLike]:
        """Makes what a `Background` runs its jobs with; all docks of the viewer share one engine."""
        from napari_pseudolabel.widgets.common.background import make_runner

        return make_runner
