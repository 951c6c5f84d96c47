"""Napari's own process opens no checkpoint: with every dock open and models of the person's own, torch is not even imported."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import sys, time
import napari
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer(show=False)
names = ("Pseudo-label", "Correct", "Train", "Export labels", "Labelling sessions")
docks = {name: viewer.window.add_plugin_dock_widget("napari-pseudolabel", name)[1] for name in names}
picker = docks["Pseudo-label"].controller.models
deadline = time.monotonic() + 240
while picker.loading and time.monotonic() < deadline:
    QApplication.processEvents()
    time.sleep(0.01)
assert not picker.loading
refs = {entry.ref for kind in ("translator", "segmenter") for entry in picker.offered(kind)}
print(*sorted(ref for ref in refs if ref.startswith("user:")))
print("torch" in sys.modules)
for dock in docks.values():
    dock.close()
viewer.close()
"""


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
