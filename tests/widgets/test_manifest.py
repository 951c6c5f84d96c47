"""What napari knows about the plugin before it is used."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_pseudolabel

MANIFEST = Path(napari_pseudolabel.__file__).parent / "napari.yaml"


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(MANIFEST)


def test_every_command_exists(manifest):
    for command in manifest.contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(import_module(module), name))


def test_napari_agrees(manifest):
    manifest.validate_imports()


def test_menus_are_those_open_to_plugins(manifest):
    assert {"napari/layers/filter", "napari/layers/segment"} <= set(manifest.contributions.menus)


def test_reading_the_manifest_does_not_import_torch():
    code = (
        "import sys; from npe2 import PluginManager; m = PluginManager.instance(); m.discover();"
        "assert 'napari-pseudolabel' in [x.name for x in m.iter_manifests()]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("suffix", [".ome.tif", ".png"])
def test_save_of_napari_writes_labels_with_their_provenance(suffix, make_napari_viewer, tmp_path):
    import numpy as np

    from napari_pseudolabel.export import read_sidecar
    from napari_pseudolabel.imaging import read

    viewer = make_napari_viewer(show=False)
    layer = viewer.add_labels(np.arange(12, dtype=np.uint8).reshape(3, 4))
    path = tmp_path / f"labels{suffix}"
    assert str(path) in layer.save(str(path), plugin="napari-pseudolabel")
    np.testing.assert_array_equal(read(path).plane(()), layer.data)
    assert read_sidecar(path).files["labels"] == path.name
