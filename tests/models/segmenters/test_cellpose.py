"""Checkpoints of Cellpose: what they are taken for, what is refused, and the objects that flows lead to."""

from __future__ import annotations

import cellpose_case
import numpy as np
import pytest
import torch
from scipy import ndimage as ndi

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.labels.objects import to_instances
from napari_pseudolabel.labels.objects.scheme import scheme_for
from napari_pseudolabel.models.inspect import inspect
from napari_pseudolabel.models.registry import load_segmenter
from napari_pseudolabel.models.segmenters.base import PartPlace
from napari_pseudolabel.models.segmenters.cellpose.cellpose_sam import CellposeSam
from napari_pseudolabel.models.segmenters.cellpose.flow_dynamics import FlowThresholds, objects_of_flows
from napari_pseudolabel.models.segmenters.objects_apart import chances_of_objects
from napari_pseudolabel.models.segmenters.sam.vit_encoder import EncoderShape
from napari_pseudolabel.tiling import TileSettings


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return cellpose_case.saved(tmp_path_factory.mktemp("cellpose") / "cyto")


def same_objects(found, expected):
    """Whether two images have the same objects, whatever their numbers."""
    pairs = np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1)
    return pairs.shape[1] == len(np.unique(found)) == len(np.unique(expected))


def touching_discs(shape=(60, 84)):
    """Discs on a grid, as wide as it is, so that each touches its neighbours."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    number = (y // 12) * (shape[1] // 12) + x // 12 + 1
    return np.where(np.hypot(y % 12 - 5.5, x % 12 - 5.5) < 6.2, number, 0).astype(np.int32)


def test_flows_lead_to_the_objects_that_they_point_into():
    numbers = touching_discs()
    assert ndi.label(numbers > 0)[1] == 1
    assert same_objects(objects_of_flows(cellpose_case.flows(numbers), FlowThresholds()), numbers)


def test_objects_of_a_part_are_those_of_the_plane():
    numbers = touching_discs((90, 90))
    answer = cellpose_case.flows(numbers) + np.random.default_rng(0).normal(0, 0.7, (3, 90, 90)).astype("f4")
    whole = objects_of_flows(answer, FlowThresholds())
    part = objects_of_flows(answer[:, 7:, 5:80], FlowThresholds(), PartPlace(7, 5, (90, 90)))
    inner = whole[40:60, 40:50]
    assert same_objects(part[33:53, 35:45], inner)
    assert len(np.unique(inner)) > 2


def test_objects_that_lose_all_pixels_to_others_are_none():
    _, numbers = cellpose_case.discs((64, 64), 5)
    answer = cellpose_case.flows(numbers)
    answer[:2] += np.random.default_rng(5).normal(0, 3, (2, 64, 64))
    found = objects_of_flows(answer.astype(np.float32), FlowThresholds())
    assert set(np.unique(found)) == set(range(found.max() + 1))


def test_what_flows_elsewhere_or_is_small_is_left_out():
    numbers = np.zeros((40, 60), np.int32)
    y, x = np.mgrid[:40, :60]
    for number, centre in enumerate((12, 40), start=1):
        numbers[np.hypot(y - 15, x - centre) < 8] = number
    numbers[33:37, 50:54] = 3
    answer = cellpose_case.flows(numbers)
    # The flow of the second goes the same way, but at twice the length, which is no flow that a network was taught.
    answer[:2, numbers == 2] *= 2
    assert set(np.unique(numbers * (objects_of_flows(answer, FlowThresholds(min_size=20)) > 0))) == {0, 1}
    kept = FlowThresholds(flow_threshold=0)
    assert set(np.unique(numbers * (objects_of_flows(answer, kept) > 0))) == {0, 1, 2, 3}
    assert not objects_of_flows(np.full((3, 9, 9), -1, np.float32), kept).any()


@pytest.mark.parametrize("per_pixel", [1.0, 2.0])
def test_objects_that_touch_stay_apart_on_the_pixels_of_the_image(per_pixel):
    numbers = np.repeat([[1] * 12 + [2] * 12 + [0] * 6 + [3] * 10], 24, axis=0)
    chances = chances_of_objects(numbers, np.full(numbers.shape, 0.9), per_pixel)
    step = round(per_pixel)
    coarse = chances[1].reshape(24 // step, step, 40 // step, step).mean((1, 3))
    assert ndi.label(coarse > 0.5, np.ones((3, 3)))[1] == 3


def test_a_checkpoint_is_known_by_its_weights_and_tells_objects_apart(path):
    found = inspect(path)
    assert (found.usable, found.card.family, found.card.source.object_size_px) == (True, "cellpose", 8)
    image, numbers = cellpose_case.discs((84, 100))
    model = load_segmenter(path, {"classes": ["background", "droplet"], "architecture": {"tile": 96}})
    labels = model.labels(model.probabilities(image))
    objects = to_instances(labels, scheme_for(model.classes))
    right = sum(
        (objects[numbers == one] == np.bincount(objects[numbers == one])[1:].argmax() + 1).mean() > 0.6
        for one in np.unique(numbers[numbers > 0])
        if np.bincount(objects[numbers == one], minlength=2)[1:].any()
    )
    assert right > 50
    assert model.classes[1].name == "droplet"
    tiny = model.labels(model.probabilities(np.float32(1e-9) * image))
    assert (tiny != labels).mean() < 1e-3  # whatever the unit of the image is


def test_cellpose_sam_is_known_by_its_weights(tmp_path):
    torch.manual_seed(0)
    # As saved by Cellpose: blocks keep the relative positions of the windows that they had.
    shape = EncoderShape(8, 4, 8, (4, 4), ((5, 5), (7, 7)), (3, 0), 16, 6)
    network = CellposeSam(shape)
    for one in network.parameters():
        one.data.normal_() if one.requires_grad else None
    torch.save(network.state_dict(), path := tmp_path / "cpsam")
    model = load_segmenter(path)
    assert (model.card.architecture["network"], model.tile, model.channels) == ("CPSAM", 32, 1)
    plane = np.random.default_rng(0).normal(100, 20, (32, 32)).astype(np.float32)
    seen = torch.from_numpy(model.prepared(plane[None], None))[None]
    with torch.inference_mode():
        grey, coloured = (
            network(one)[0]
            for one in (seen, seen.new_zeros(1, 3, 32, 32).index_copy(1, torch.tensor([0]), seen))
        )
    torch.testing.assert_close(grey, coloured)
    found = model.flows(plane, settings=TileSettings(device="cpu"), control=Control(), part=None)
    torch.testing.assert_close(torch.from_numpy(found), grey, atol=1e-5, rtol=1e-5)
    with pytest.raises(CheckpointError, match="says tile"):
        load_segmenter(path, {"architecture": {"tile": 64}})


def _dino(weights):
    return {
        **weights,
        "W2": torch.zeros(1),
        "out.weight": torch.zeros(1),
        "encoder.cls_token": torch.zeros(1),
    } | {"encoder.patch_embed.proj.weight": torch.zeros(1)}


def _volumes(weights):
    name = "downsample.down.res_down_0.proj.1.weight"
    return {**weights, name: weights[name][..., None]}


def _restores(weights):
    return {**weights, "output.2.weight": weights["output.2.weight"][:1]}


def _lacks(weights):
    return {name: one for name, one in weights.items() if "res_up_1.proj" not in name}


@pytest.mark.parametrize(
    ("change", "card", "why"),
    [
        (_dino, {}, "cpdino"),
        (_volumes, {}, "for volumes"),
        (_restores, {}, "restores images"),
        (_lacks, {}, "lacks upsample.up.res_up_1.proj"),
        (dict, {"classes": ["background", "a", "b"]}, "objects of one class"),
        (dict, {"normalisation": {"kind": "range", "low": 0, "high": 255}}, "one of its own"),
        (dict, {"architecture": {"network": "CPSAM"}}, "says network"),
        (dict, {"architecture": {"in_channels": 3}}, "says in_channels"),
        (dict, {"architecture": {"diameter": 30}}, "diameter"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path, change, card, why):
    torch.save(change(cellpose_case.weights()), path := tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match=why):
        load_segmenter(path, card)
