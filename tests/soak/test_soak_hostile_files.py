"""Thousands of valid checkpoints and images with something wrong in them."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Pillow

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import intensity_range, read, read_labels
from napari_pseudolabel.imaging.blank_layer import nothing_in

sys.path.append(str(Path(__file__).parents[1] / "hostile"))

import mutations
from trial import attempt

pytestmark = pytest.mark.soak
CHECKPOINTS, IMAGES = 1500, 3000


def test_changed_checkpoints_work_or_get_a_sentence(tmp_path, figures, one_thread):
    (tmp_path / "valid").mkdir()
    valid = mutations.families(tmp_path / "valid")
    wrong = [one for seed in range(CHECKPOINTS) if (one := attempt(seed + 1000, valid, tmp_path / "work"))]
    figures(tried=CHECKPOINTS, failed=len(wrong), lost=0)
    assert not wrong


def images(folder: Path) -> list[Path]:
    """A small valid image of every kind."""
    folder.mkdir()
    plane = np.random.default_rng(0).integers(0, 255, (64, 48), np.uint8)
    stack = np.stack([plane] * 4)
    tifffile.imwrite(folder / "plain.tif", plane)
    tifffile.imwrite(folder / "big.tif", plane, bigtiff=True)
    tifffile.imwrite(folder / "tiles.tif", plane, tile=(16, 16), compression="zlib")
    tifffile.imwrite(folder / "lzw.tif", stack, compression="lzw")
    tifffile.imwrite(folder / "imagej.tif", stack, imagej=True, metadata={"spacing": 2, "unit": "um"})
    tifffile.imwrite(folder / "set.ome.tif", stack, metadata={"axes": "ZYX", "PhysicalSizeX": 0.1})
    tifffile.imwrite(folder / "rgb.tif", np.stack([plane] * 3, -1), photometric="rgb", compression="jpeg")
    Pillow.fromarray(plane).save(folder / "plain.png")
    Pillow.fromarray(np.stack([plane] * 3, -1)).save(folder / "plain.jpg")
    zarr.create_array(folder / "plain.zarr", data=stack, chunks=(1, 32, 32))
    return sorted(folder.iterdir())


def test_changed_images_are_read_or_get_a_sentence(tmp_path, figures):
    valid = images(tmp_path / "valid")
    wrong = []
    for seed in range(IMAGES):
        dice = random.Random(seed)
        source = dice.choice(valid)
        path = tmp_path / source.name
        if source.is_dir():
            source = source / "zarr.json"
            path.mkdir(exist_ok=True)
            path = path / "zarr.json"
        path.write_bytes(mutations.changed_bytes(source.read_bytes(), dice))
        path = path.parent if path.name == "zarr.json" else path
        try:
            image = read(path)
            nothing_in(image)
            intensity_range(image)
            read_labels(path)
        except InputError:
            continue
        except Exception as error:
            wrong.append(f"{seed}: {path.name}: {type(error).__name__}: {error}")
    figures(tried=IMAGES, failed=len(wrong), lost=0)
    assert not wrong
