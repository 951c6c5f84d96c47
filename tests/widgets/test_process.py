"""Napari's own process opens no checkpoint: with every dock open and models of the person's own, torch is not even imported."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import napari_pseudolabel

# `inspect_in_process` is what a dock may use, in a job.
OPENS = {
    "inspect", "inspected", "load_segmenter", "load_translator", "LoadedModels", "load_weights", "load_archive", "torch",
    "napari_pseudolabel.models.safe_load", "napari_pseudolabel.models.archive", "napari_pseudolabel.models.loaded",
}  # fmt: skip

SCRIPT = """
import sys, time
import napari
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer(show=False)
names = ("Pseudo-label", "Correct", "Train", "Export labels", "Labelling sessions")
docks = {name: viewer.window.add_plugin_dock_widget("napari-pseudolabel", name)[1] for name in names}
picker = docks["Pseudo-label"].controller.models
deadline = time.monotonic() + 240
own = []
while not own and time.monotonic() < deadline:
    QApplication.processEvents()
    time.sleep(0.01)
    refs = {entry.ref for kind in ("translator", "segmenter") for entry in picker.offered(kind)}
    own = sorted(ref for ref in refs if ref.startswith("user:"))
assert not picker.loading
print(*own)
print("torch" in sys.modules)
for dock in docks.values():
    dock.close()
viewer.close()
"""


def opening_imports(path: Path) -> set[str]:
    """What a file imports that opens checkpoints where it is called."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_pseudolabel.models"):
            found |= {one.name for one in node.names} & OPENS
            found |= {node.module} & OPENS
    return found


def test_nothing_of_the_window_opens_checkpoints_where_it_is():
    room = Path(napari_pseudolabel.__file__).parent
    found = {
        path.relative_to(room).as_posix(): opening
        for folder in ("widgets", "viewer")
        for path in (room / folder).rglob("*.py")
        if (opening := opening_imports(path))
    }
    assert found == {}


def test_torch_is_not_imported_with_all_docks_open(tmp_path):
    import torch

    from napari_pseudolabel.models.translators.resnet import ResnetGenerator

    folder = tmp_path / "data" / "napari-pseudolabel" / "models"
    folder.mkdir(parents=True)
    torch.save(
        ResnetGenerator(4, 3).state_dict(), folder / "mine.pth"
    )  # without a card: has to be looked into
    (folder / "broken.pth").write_bytes(b"\\x80" + bytes(100))
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={
            **os.environ,
            "XDG_DATA_HOME": str(tmp_path / "data"),
            "HOME": str(tmp_path),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    refs, imported = ran.stdout.splitlines()[-2:]
    assert refs == "user:mine"
    assert imported == "False"
