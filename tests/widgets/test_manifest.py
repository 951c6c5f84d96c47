"""What napari knows about the plugin before it is used."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_pseudolabel
from napari_pseudolabel.errors import PseudolabelError

MANIFEST = Path(napari_pseudolabel.__file__).parent / "napari.yaml"


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(MANIFEST)


def test_every_command_exists(manifest):
    for command in manifest.contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(import_module(module), name))


def test_napari_agrees(manifest):
    manifest.validate_imports()  # as `npe2 validate --imports` does


def test_no_reader_takes_every_folder(manifest):
    """Else napari asks about each folder that is opened which reader is meant."""
    assert [one.filename_patterns for one in manifest.contributions.readers] == [["workspace.json"]]
    assert not any(one.accepts_directories for one in manifest.contributions.readers)


def test_menus_are_those_open_to_plugins(manifest):
    assert {"napari/layers/filter", "napari/layers/segment"} <= set(manifest.contributions.menus)


@pytest.mark.parametrize("suffix", [".ome.tif", ".png"])
def test_save_of_napari_writes_labels_with_their_provenance(suffix, make_napari_viewer, tmp_path):
    import numpy as np

    from napari_pseudolabel.exporting import read_sidecar
    from napari_pseudolabel.imaging import read

    viewer = make_napari_viewer(show=False)
    layer = viewer.add_labels(np.arange(12, dtype=np.uint8).reshape(3, 4))
    path = tmp_path / f"labels{suffix}"
    assert str(path) in layer.save(str(path), plugin="napari-pseudolabel")
    np.testing.assert_array_equal(read(path).plane(()), layer.data)
    assert read_sidecar(path).files["labels"] == path.name


def test_why_labels_are_not_saved_reaches_the_person(
    manifest, make_napari_viewer_proxy, monkeypatch, tmp_path
):
    """By every writer, with and without a format chosen in the window, and nothing is written."""
    import numpy as np
    from napari._app_model import get_app_model
    from qtpy.QtWidgets import QFileDialog

    viewer = make_napari_viewer_proxy()
    layer = viewer.add_labels(np.full((3, 4), -2, np.int16))
    save = get_app_model().commands
    for writer in manifest.contributions.writers:
        for suffix in writer.filename_extensions:
            path = str(tmp_path / f"labels{suffix}")
            for plugin in (None, "napari-pseudolabel"):
                if plugin or ".ome" in suffix:  # napari's own writer is first with the others
                    with pytest.raises(
                        PseudolabelError, match="must not be negative, but these go down to -2"
                    ):
                        layer.save(path, plugin=plugin)
            for filter in (f"{manifest.display_name} {writer.display_name}", "All files"):
                if filter != "All files" or ".ome" in suffix:
                    monkeypatch.setattr(
                        QFileDialog, "getSaveFileName", lambda *_, p=path, f=filter, **__: (p, f)
                    )
                    with pytest.raises(PseudolabelError, match="must not be negative") as caught:
                        save.execute_command("napari.window.file.save_layers_dialog.selected").result()
                    assert not isinstance(caught.value, ValueError)
    monkeypatch.setattr("napari_pseudolabel.exporting.export_content.export", _raise)
    with pytest.raises(PseudolabelError, match="too deep"):  # what nobody thought of
        layer.save(str(tmp_path / "labels.ome.tif"), plugin="napari-pseudolabel")
    assert list(tmp_path.iterdir()) == []


def _raise(*arguments, **named):
    raise ValueError("too deep")


def test_why_a_workspace_is_not_opened_reaches_the_person(make_napari_viewer_proxy, tmp_path):
    from napari.utils.notifications import notification_manager

    from napari_pseudolabel.workspace import Workspace

    folder = Workspace.create(tmp_path / "nerves", "Nerves").folder
    viewer = make_napari_viewer_proxy()
    told = []

    def note(notification):
        told.append(notification.message)

    notification_manager.notification_ready.connect(note)
    with pytest.raises(Exception, match="failed"):
        viewer.open(str(folder / "workspace.json"), plugin=None)  # as File > Open does
    notification_manager.notification_ready.disconnect(note)
    assert "There is no session" in told[0]
    assert not viewer.layers
