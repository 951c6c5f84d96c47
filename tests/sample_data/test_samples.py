"""Open Sample: layers with physical pixel sizes, and downloads that are checked or explained."""

import hashlib
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.sample_data import contributions
from napari_pseudolabel.sample_data.downloads import REAL_SEM, REAL_TEM, fetch
from napari_pseudolabel.sample_data.samples import GENERATED


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
    ((data, attributes, kind),) = contributions.real_tem()
    assert kind == "image"
    assert data.dtype == np.uint8
    assert np.array_equal(data, grey)
    assert attributes["scale"] == (0.00493, 0.00493)


@pytest.mark.parametrize("look", ["SEM", "TEM"])
def test_generated_layers_open_in_napari_on_one_grid(look, monkeypatch):
    from napari.layers import Layer

    (sample,) = (one for one in GENERATED if one.modality == look)
    # Quick; the content does not matter here.
    monkeypatch.setattr(contributions, f"{look}_LIKE", replace(sample, shape=(112, 128)))
    layers = getattr(contributions, f"{look.lower()}_like_axons_with_labels")()
    image, labels = (Layer.create(*entry) for entry in layers)
    assert image.data.shape == labels.data.shape == (112, 128)
    assert tuple(image.scale) == tuple(labels.scale) == (sample.pixel_size_um,) * 2
    assert {str(unit) for layer in (image, labels) for unit in layer.units} == {"micrometer"}
    assert set(np.unique(labels.data)) == {0, 1, 2}
    assert not np.allclose(labels.get_color(1), labels.get_color(2), atol=0.1)
    ((plain, _, kind),) = getattr(contributions, f"{look.lower()}_like_axons")()
    assert kind == "image"
    assert np.array_equal(plain, image.data)


def test_the_contributions_load_without_napari_and_torch():
    code = (
        "import sys, napari_pseudolabel.sample_data.contributions as c; "
        "print([m for m in ('napari', 'torch', 'skimage', 'pooch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_samples_are_apart_from_the_training_recipe_and_on_its_grids():
    from napari_pseudolabel.sample_data import train

    grids = {"SEM": train.SEM.pixel_size_um, "TEM": train.TEM.pixel_size_um}
    for sample in GENERATED:
        assert sample.seed not in range(train.FIELD_SEED, train.FIELD_SEED + train.FIELDS)
        assert sample.pixel_size_um == grids[sample.modality]
    assert REAL_SEM.path.split("/")[0] in train.HELD_OUT["axon_sem"]
    assert REAL_TEM.path.split("/")[0] in train.HELD_OUT["axon_tem"]
