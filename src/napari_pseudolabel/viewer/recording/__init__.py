"""Recording what a person does in a viewer into a session, and bringing it back.

`Recorder` watches a viewer and hands out batches, `Journal` writes of them what differs from what is in the session.
`restore` brings a session back; `read` and `show` are its two halves, of which the first may run in any thread.
"""

from __future__ import annotations

from napari_pseudolabel.viewer.recording.journal import Journal, Look
from napari_pseudolabel.viewer.recording.plain import SESSION_KEY
from napari_pseudolabel.viewer.recording.recorder import Recorder
from napari_pseudolabel.viewer.recording.restoring import (
    Restored,
    StoredLayer,
    StoredSession,
    layer_data,
    read,
    restore,
    show,
)
from napari_pseudolabel.viewer.recording.sources import fingerprint
from napari_pseudolabel.viewer.recording.writer import Writer

__all__ = [
    "SESSION_KEY",
    "Journal",
    "Look",
    "Recorder",
    "Restored",
    "StoredLayer",
    "StoredSession",
    "Writer",
    "fingerprint",
    "layer_data",
    "read",
    "restore",
    "show",
]
