"""Open Sample: layers with physical pixel sizes, and downloads that are checked or explained."""

import hashlib
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.sample_data import contributions
from napari_pseudolabel.sample_data.downloads import REAL_SEM, REAL_TEM, fetch
from napari_pseudolabel.sample_data.samples import GENERATED, NUCLEUS_CLASSES
from napari_pseudolabel.viewer.image_layers import object_size_of


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        return None


@pytest.fixture
def host(tmp_path):
    """A server on this machine and the folder it serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()
    thread.join()


def publish(folder, sample, pixels):
    path = folder / sample.repository / sample.commit / sample.path
    path.parent.mkdir(parents=True)
    Image.fromarray(pixels).save(path)
    return replace(sample, sha256=hashlib.sha256(path.read_bytes()).hexdigest()), path


def test_a_file_is_downloaded_once(host, tmp_path):
    address, folder = host
    sample, original = publish(folder, REAL_SEM, np.arange(64, dtype=np.uint8).reshape(8, 8))
    first = fetch(sample, cache=tmp_path / "cache", host=address)
    assert first.read_bytes() == original.read_bytes()
    original.unlink()
    assert fetch(sample, cache=tmp_path / "cache", host=address) == first


def test_a_changed_file_is_refused_and_not_kept(host, tmp_path):
    address, folder = host
    publish(folder, REAL_SEM, np.zeros((8, 8), np.uint8))
    with pytest.raises(InputError, match="checksum differs"):
        fetch(REAL_SEM, cache=tmp_path / "cache", host=address)
    assert not list((tmp_path / "cache").glob("*.png"))


@pytest.mark.parametrize("gone", ["http://127.0.0.1:9", None])
def test_offline_or_missing_is_one_sentence(gone, host, tmp_path):
    with pytest.raises(InputError, match="could not be downloaded") as caught:
        fetch(REAL_TEM, cache=tmp_path / "cache", host=gone or host[0])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rgb", [False, True])
def test_a_real_sample_is_one_grey_plane_with_its_pixel_size(rgb, tmp_path, monkeypatch):
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    path = tmp_path / "a.png"
    Image.fromarray(np.stack([grey] * 3, -1) if rgb else grey).save(path)
    monkeypatch.setattr(contributions, "fetch", lambda sample: path)
    ((data, attributes, kind),) = contributions.opened("real_tem")
    assert kind == "image"
    assert data.dtype == np.uint8
    assert np.array_equal(data, grey)
    assert attributes["scale"] == (0.00493, 0.00493)


@pytest.mark.parametrize("name", ["sem", "tem", "purple", "fluorescence"])
def test_generated_layers_open_in_napari_on_one_grid(name, monkeypatch):
    from napari.layers import Layer

    # Quick; the content does not matter here.
    sample = replace(next(one for one in GENERATED if one.key.startswith(name)), shape=(112, 128))
    monkeypatch.setattr(contributions, "GENERATED", (sample,))
    layers = contributions.opened(f"{sample.key}_with_labels")
    image, labels = (Layer.create(*entry) for entry in layers)
    assert image.data.shape == labels.data.shape == (112, 128)
    assert tuple(image.scale) == tuple(labels.scale) == (sample.pixel_size_um or 1.0,) * 2
    unit = "micrometer" if sample.pixel_size_um else "pixel"
    assert {str(unit) for layer in (image, labels) for unit in layer.units} == {unit}
    assert image.metadata["modality"] == sample.modality
    assert object_size_of(image) == sample.object_size_px
    assert set(np.unique(labels.data)) == {one.value for one in sample.classes}
    colours = [labels.get_color(one.value) for one in sample.classes if one.value]
    assert all(colour[3] == 1 for colour in colours)
    assert len({tuple(colour) for colour in colours}) == len(colours)
    ((plain, _, kind),) = contributions.opened(sample.key)
    assert kind == "image"
    assert np.array_equal(plain, image.data)


def test_every_generated_sample_is_in_the_menu():
    text = (files("napari_pseudolabel") / "napari.yaml").read_text(encoding="utf-8")
    for sample in GENERATED:
        for key, title in (("", ""), ("_with_labels", " with true labels")):
            assert f"- key: {sample.key}{key}\n      display_name: {sample.title}{title}\n" in text


def test_samples_are_apart_from_the_training_recipe_and_on_its_grids():
    from recipes import axons, nuclei

    grids = {one.name: one for one in (axons.SEM, axons.TEM, nuclei.PURPLE, nuclei.FLUORESCENCE)}
    for sample in GENERATED:
        for recipe in (axons, nuclei):
            assert sample.seed not in range(recipe.FIELD_SEED, recipe.FIELD_SEED + recipe.FIELDS)
        grid = grids[sample.modality]
        assert sample.pixel_size_um == grid.pixel_size_um
        # Where there is no pixel size, models go by the size of the objects.
        assert sample.object_size_px == (None if grid.pixel_size_um else grid.object_size_px)
    assert NUCLEUS_CLASSES == nuclei.CLASSES
    assert REAL_SEM.path.split("/")[0] in axons.HELD_OUT["SEM"]
    assert REAL_TEM.path.split("/")[0] in axons.HELD_OUT["TEM"]
