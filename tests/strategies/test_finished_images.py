"""By what a finished image is known again."""

from __future__ import annotations

import os

import numpy as np
import pytest
import zarr

from napari_pseudolabel.formats import formats
from napari_pseudolabel.imaging import from_array, read
from napari_pseudolabel.strategies.finished_images import FinishedImages
from napari_pseudolabel.strategies.registry import find
from napari_pseudolabel.strategies.strategy import LabelRequest


@pytest.mark.parametrize(
    ("strategy", "role"), [("segmentation", "segmenter"), ("feature-regions", "translator")]
)
def test_a_model_that_changed_makes_it_unfinished_however_it_is_used(tmp_path, strategy, role):
    """As it is loaded, and as what another segmenter is made of."""
    (image := tmp_path / "image.tif").write_bytes(b"pixels")
    (model := tmp_path / "model.safetensors").write_bytes(b"weights")
    job = find(strategy).job(from_array(np.zeros((4, 5))), LabelRequest(**{role: str(model)}))

    def key():
        return FinishedImages(tmp_path).key(image, job, formats()[0], confidence=False)

    before = key()
    assert key() == before
    model.write_bytes(b"others!")
    assert key() != before


@pytest.mark.parametrize("kind", ["small", "large", "zarr"])
def test_a_copy_of_the_same_name_size_and_time_is_another_image(tmp_path, kind):
    path = tmp_path / "image.zarr" if kind == "zarr" else tmp_path / "image.tif"
    piece = path / "c" / "0" / "1" if kind == "zarr" else path

    def written(value):
        """The file with another value somewhere, and always the same time."""
        if kind == "zarr":
            data = np.full((8, 8), 7, np.uint8)
            data[2, 6] = value
            zarr.create_array(path, data=data, chunks=(4, 4), compressors=None, overwrite=True)
        else:
            size, changed = (2**24 + 2**20, 2**19) if kind == "large" else (100, 1)
            path.write_bytes(bytes(size // 2) + bytes([value]) * changed + bytes(size // 2 - changed))
        os.utime(piece, ns=(10**18, 10**18))

    written(1)
    others = [one for one in path.rglob("*") if one.is_file()] if kind == "zarr" else []
    times = {one: one.stat().st_mtime_ns for one in others}

    def key():
        for one, when in times.items():
            os.utime(one, ns=(when, when))
        image = read(path) if kind == "zarr" else from_array(np.zeros((4, 5)))
        job = find("otsu").job(image, LabelRequest())
        return FinishedImages(tmp_path).key(path, job, formats()[0], confidence=False)

    before = key()
    written(1)
    assert key() == before
    written(2)
    assert key() != before
