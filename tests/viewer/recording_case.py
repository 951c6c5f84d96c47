"""A viewer that is recorded, and its session in another one."""

from __future__ import annotations

from napari.components import ViewerModel

from napari_pseudolabel.viewer.recording import Journal, Recorder, restore
from napari_pseudolabel.workspace.sessions import Sessions


class Recording:
    """A viewer that is written into a session whenever `save` is called."""

    def __init__(self, viewer: ViewerModel, sessions: Sessions, id: str | None = None) -> None:
        self.viewer, self.sessions = viewer, sessions
        if id is None:
            self.file = sessions.create()
            self.recorder, self.journal = Recorder(viewer), Journal(self.file)
        else:
            self.file = sessions.open(id)
            self.journal = Journal(self.file)
            while self.journal.learn():
                pass
            self.restored = restore(viewer, self.file)
            self.recorder = Recorder(viewer, self.restored.ids)

    def save(self) -> int:
        written = 0
        batch = self.recorder.gather(1.0, force=True)
        if batch is not None:
            written = self.journal.write(batch)
            self.recorder.written()
        return written

    def sweep(self) -> None:
        for look in self.recorder.looks(all_layers=True):
            while not look.finished:
                self.recorder.found(look.id, self.journal.look(look, 1.0))

    def close(self) -> str:
        self.recorder.close()
        self.file.close()
        return self.file.id


def back(sessions, id):
    """The session in an empty viewer."""
    viewer = ViewerModel()
    content = sessions.read(id)
    restored = restore(viewer, content)
    content.close()
    return viewer, restored
