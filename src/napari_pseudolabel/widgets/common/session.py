"""What the docks of one viewer share: the engine, the workspace, the autosave, and the segmenter in use."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.viewer.following import Following
from napari_pseudolabel.viewer.units_notice import UnitsNotice
from napari_pseudolabel.wording import shown

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.engine import Engine
    from napari_pseudolabel.widgets.common.autosave import Autosave
    from napari_pseudolabel.workspace import Workspace


def make_engine() -> Engine:
    """Return the engine with the person's settings; importing it takes a while."""
    from napari_pseudolabel.engine import Engine
    from napari_pseudolabel.widgets.common.preferences import connection

    return Engine(connection())


class Session(QObject):
    """One per viewer, for as long as one of its docks, or the window after the first dock, holds on to it.

    Parameters
    ----------
    make_engine
        Makes the engine when the first dock borrows it; it is shut down when the last gives it back.
    viewer
        What is recorded by the autosave; None for docks without a viewer.

    Attributes
    ----------
    segmenter_changed
        Emitted with the reference of a segmenter that shall be used from now on.
    models_added
        Emitted when there are more named models than before.
    """

    segmenter_changed = Signal(str)
    models_added = Signal()
    _warned = Signal(str)

    # Viewers cannot be hashed, so they are told apart by identity; an entry goes with its last dock.
    _of: ClassVar[weakref.WeakValueDictionary[int, Session]] = weakref.WeakValueDictionary()

    def __init__(self, make_engine: Callable[[], Engine], viewer: ViewerModel | None = None) -> None:
        super().__init__()
        self._make_engine = make_engine
        self._viewer = viewer
        self._following = Following(viewer) if viewer is not None else None
        self._units_notice = UnitsNotice(viewer) if viewer is not None else None
        self._autosave: Autosave | None = None
        self._workspace: Workspace | None = None
        self._engine: Engine | None = None
        self._borrowed = 0
        self._lock = threading.Lock()
        self._warning = ""
        self._warned.connect(self._on_warned)

    @classmethod
    def of(cls, viewer: ViewerModel) -> Session:
        """Return the session of a viewer; made for its first dock. The caller keeps the reference."""
        plain = getattr(viewer, "__wrapped__", viewer)  # plugins are handed a proxy
        session = cls._of.get(id(plain))
        if session is None:
            session = cls(make_engine, plain)
            cls._of[id(plain)] = session
        return session

    @property
    def workspace(self) -> Workspace:
        """The folder of this labelling effort."""
        if self._workspace is None:
            from napari_pseudolabel.workspace import Workspace

            self._workspace = Workspace.default()
        return self._workspace

    @workspace.setter
    def workspace(self, workspace: Workspace) -> None:
        self._workspace = workspace
        if self._autosave is not None:
            self._autosave.use(workspace)

    @property
    def autosave(self) -> Autosave | None:
        """Records the viewer into the workspace, once the first dock has started it; None without a viewer."""
        if self._autosave is None and self._viewer is not None:
            from napari_pseudolabel.widgets.common.autosave import Autosave

            self._autosave = Autosave(self._viewer, self.workspace)
        return self._autosave

    def memory_bytes(self) -> int:
        """Return main memory that the workers take; 0 if there are none."""
        engine = self._engine
        return engine.memory_bytes() if engine is not None else 0

    def release(self) -> None:
        """Cancel everything and close the workers, so that their memory, that of a GPU included, is free.

        Blocks until the processes are gone.
        """
        engine = self._engine
        if engine is not None:
            engine.release()

    def borrow(self) -> Engine:
        """Return the engine, for one dock; takes a while the first time."""
        with self._lock:
            if self._engine is None:
                self._engine = self._make_engine()
                self._warned.emit(self._engine.connection.warning)
            self._borrowed += 1
            engine: Engine = self._engine
            return engine

    def give_back(self, timeout: float) -> bool:
        """Take note that a dock is closed; the last one ends the engine. True once nothing of it is left."""
        with self._lock:
            self._borrowed -= 1
            if self._borrowed > 0:
                return True
            engine, self._engine = self._engine, None
        return engine is None or bool(engine.shutdown(timeout))

    def _on_warned(self, sentence: str) -> None:
        """Say once what it means that jobs run elsewhere; the engine is made in another thread."""
        if sentence and sentence != self._warning:
            self._warning = sentence
            show_warning(shown(sentence))
