"""What redraws changed objects learned how one image looks, and touches nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import max_pool2d

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled
from napari_pseudolabel.training.self_training.harmonising import (
    Harmoniser,
    coarser,
    harmonised,
    learned_harmoniser,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def test_only_objects_and_what_is_around_them_are_redrawn():
    torch.manual_seed(1)
    harmoniser = Harmoniser().eval()
    images = torch.rand(3, 1, 31, 40)  # no multiple of anything
    objects = torch.zeros(3, 31, 40, dtype=torch.bool)
    objects[0, 8:14, 9:20] = objects[1, 20:22, 20:22] = True
    found = harmonised(images, objects, harmoniser, 1.2)
    assert torch.equal(found[2], images[2])
    reach = 2 + math.ceil(3 * 1.2)
    near = max_pool2d(objects[:, None].float(), 2 * reach + 1, 1, reach) > 0
    assert torch.equal(found[~near], images[~near])
    assert (found != images).flatten(1).any(1).tolist() == [True, True, False]
    assert found.min() >= 0
    assert found.max() <= 1


def test_it_learns_the_edges_of_an_image_and_is_found_again(tmp_path):
    y, x = np.mgrid[:48, :48]
    image = np.where((y % 24 - 12) ** 2 + (x % 24 - 12) ** 2 < 49, 0.8, 0.2).astype(np.float32)
    told = []

    def learned(name, **control):
        return learned_harmoniser(image, 30, 16, 3, tmp_path / name, Control(**control))

    found = learned("one.pt", report=told.append)
    seen = torch.from_numpy(image)[None, None]
    blurred, drawn = torch.nn.functional.interpolate(coarser(seen, 2), (48, 48), mode="bilinear"), found(seen)
    assert (drawn - seen).square().mean() < 0.92 * (blurred - seen).square().mean()
    assert told
    told.clear()
    again = learned("one.pt", report=told.append)
    assert told == []
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in found.state_dict().items())
    with pytest.raises(Cancelled):
        learned("other.pt", cancelled=lambda: True)
    assert not (tmp_path / "other.pt").exists()
