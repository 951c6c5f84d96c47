"""Segment Anything as a segmenter with objects of its own: by the decoder of micro-sam, and by clicks on a grid."""

from __future__ import annotations

import cellpose_case
import numpy as np
import pytest
import sam_case
import torch
from scipy import ndimage as ndi

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.families import files_of
from napari_pseudolabel.models.inspect import inspect
from napari_pseudolabel.models.registry import load_segmenter
from napari_pseudolabel.models.segmenters.sam.distance_network import DistanceNetwork
from napari_pseudolabel.models.segmenters.sam.distance_objects import DistanceThresholds, objects_of_distances
from napari_pseudolabel.models.segmenters.sam.grid_masks import (
    FoundMask,
    GridMasks,
    cut_sides,
    each_once,
    joined,
    painted,
)
from napari_pseudolabel.models.segmenters.sam.sam_network import SamNetwork, as_picture, as_seen
from napari_pseudolabel.models.segmenters.sam.segmenter import DistanceSegmenter, MaskSegmenter
from napari_pseudolabel.models.segmenters.sam.tiny_encoder import TinyShape

CARD = {"architecture": sam_case.ARCHITECTURE}


@pytest.fixture(scope="module")
def weights():
    return sam_case.weights()


def same_objects(found, expected):
    """Whether two images have the same objects, whatever their numbers."""
    pairs = np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1)
    return pairs.shape[1] == len(np.unique(found)) == len(np.unique(expected))


def distances():
    """Return what a decoder says of two discs that touch and of one that is flat, and their numbers."""
    y, x = np.mgrid[:40, :70]
    away = np.stack([np.hypot(y - 20, x - centre) / 10 for centre in (14, 31, 56)])
    numbers = np.where(away.min(0) < 1, away.argmin(0) + 1, 0).astype(np.int32)
    answer = np.ones((3, 40, 70), np.float32)
    answer[0] = np.where(numbers > 0, 0.9, 0.1)
    answer[1:] = np.minimum(away.min(0), 1)
    answer[1:, numbers == 3] = 0.6
    return answer, numbers


def test_objects_flood_from_their_middles_within_what_is_an_object():
    answer, numbers = distances()
    assert ndi.label(numbers > 0)[1] == 2
    found, sure = objects_of_distances(answer, DistanceThresholds(foreground_smoothing=0))
    # Nothing begins where a distance is not below its threshold.
    assert same_objects(found, np.where(numbers == 3, 0, numbers))
    assert np.array_equal(sure, answer[0])
    thresholds = DistanceThresholds(0.7, 0.7, foreground_smoothing=0, distance_smoothing=0)
    assert same_objects(objects_of_distances(answer, thresholds)[0], numbers)
    for one in (0, 1):  # both distances decide
        limits = [0.7, 0.7]
        limits[one] = 0.5
        some = objects_of_distances(answer, DistanceThresholds(*limits, distance_smoothing=0))[0]
        assert some.max() == 2
    large = objects_of_distances(answer, DistanceThresholds(foreground_threshold=0.95))[0]
    assert not large.any()
    assert objects_of_distances(answer, DistanceThresholds(min_size=10**6))[0].max() == 0


def test_a_mask_is_taken_once_and_smaller_ones_lie_over_larger_ones():
    whole = np.ones((6, 8), bool)
    masks = [
        FoundMask(whole, 2, 2, 0.8),
        FoundMask(whole, 2, 3, 0.9),  # of the two that are nearly the same the surer one
        FoundMask(np.ones((2, 2), bool), 4, 5, 0.7),
        FoundMask(whole, 20, 20, 0.6),
    ]
    kept = each_once(masks, 0.7)
    assert [(one.y0, one.x0, one.score) for one in kept] == [(2, 3, 0.9), (4, 5, 0.7), (20, 20, 0.6)]
    image = painted(kept, (30, 30))
    assert [image[0][at] for at in ((2, 3), (4, 5), (7, 10), (2, 2), (25, 27))] == [1, 2, 1, 0, 3]
    assert image[1][4, 5] == np.float32(0.7)


def test_masks_of_tiles_become_objects_of_the_plane():
    low, high = np.zeros((2, 2, 12, 12), np.float32)
    low[:, 3:9, 4:11] = [[[1]], [[0.9]]]
    # Seen by the next tile, too; and one that lies in the mirror image beyond the plane, and in it.
    high[:, 3:9, 0:7] = [[[2]], [[0.8]]]
    high[:, 0:2, 9:12] = [[[1]], [[0.7]]]
    objects = joined({(0, 0): low, (0, 4): high}, (12, 15), 0.7)
    expected = np.zeros((12, 15), int)
    expected[3:9, 4:11], expected[0:2, 13:15] = 1, 2
    assert same_objects(objects, expected)
    assert joined({(0, 0): low, (0, 4): high}, (12, 15), 0.7, min_size=10).max() == 1
    above = joined({(-4, 0): low}, (8, 12), 0.7)
    assert same_objects(above, np.pad(np.ones((5, 7), int), ((0, 3), (4, 1))))


def test_only_sides_at_which_the_plane_goes_on_are_cut():
    first, inner, last = cut_sides(np.array([(0, -2), (4, 8), (12, 12)]), 8, (20, 20))[:, 0]
    sides = [[one[0], one[1:-1, 0], one[-1], one[1:-1, -1]] for one in (first, inner, last)]
    assert [[side.all() for side in own] for own in sides] == [
        [False, False, True, True],
        [True] * 4,
        [True, True, False, False],
    ]
    assert [[side.any() for side in own] for own in sides[::2]] == [
        [False, False, True, True],
        [True, True, False, False],
    ]


def test_masks_that_a_tile_cuts_are_none(weights, tmp_path):
    model = load_segmenter(sam_case.saved(tmp_path / "sam.pth", decoder=False), CARD)
    assert isinstance(model.network, GridMasks)
    image = torch.from_numpy((cellpose_case.discs((32, 32), 8, 0.25)[0] - 40)[None, None] / 180).clamp(0, 1)
    found = {}
    for place in ((0, 0), (8, 8)):
        cut = torch.from_numpy(cut_sides(np.array([place]), 32, (32 if place == (0, 0) else 60,) * 2))
        with torch.inference_mode():
            found[place] = model.network(torch.cat([image, cut], 1))[0, 0].numpy() > 0
    edge = np.ones((32, 32), bool)
    edge[2:-2, 2:-2] = False
    assert found[0, 0][edge].any()
    assert not found[8, 8][edge].any()
    assert found[8, 8].any()


@pytest.mark.parametrize("decoder", [True, False])
def test_objects_are_told_apart(tmp_path, decoder):
    path = sam_case.saved(tmp_path / "vit_b_lm.pt", decoder=decoder)
    model = load_segmenter(path, CARD)
    assert isinstance(model, DistanceSegmenter if decoder else MaskSegmenter)
    assert any("slow" in note for note in model.card.notes) != decoder
    image, numbers = cellpose_case.discs((64, 80), 1, 0.25)
    labels = model.labels(model.probabilities(image))
    objects, count = ndi.label(labels > 0)
    truth = [one for one in np.unique(numbers) if one and (numbers == one).sum() > 25]
    right = 0
    for one in truth:
        own = numbers == one
        best = np.bincount(objects[own])[1:].argmax() + 1 if objects[own].any() else 0
        right += bool(best) and (own & (objects == best)).sum() / (own | (objects == best)).sum() > 0.5
    assert right >= (0.8 if decoder else 0.4) * len(truth), (right, len(truth), count)
    tiny = model.labels(model.probabilities(np.float32(1e-9) * image))
    assert (tiny != labels).mean() < 1e-3  # whatever the unit of the image is


def test_a_decoder_is_found_in_the_file_or_beside_it(tmp_path, weights):
    network, decoder = weights
    torch.save({f"sam.{name}": one for name, one in network.items()}, model := tmp_path / "vit_b_lm")
    assert inspect(model).card.architecture["segmentation_mode"] == "amg"
    alone = load_segmenter(model, CARD).sha256
    torch.save(decoder, beside := tmp_path / "vit_b_lm_decoder")
    found = inspect(model)
    assert (found.usable, found.card.family) == (True, "sam")
    assert found.card.architecture["segmentation_mode"] == "ais"
    assert found.parameters == sum(one.numel() for own in weights for one in own.values())
    assert files_of(model) == (model, beside)
    loaded = load_segmenter(model, CARD)
    assert isinstance(loaded.network, DistanceNetwork)
    assert loaded.sha256 != alone
    by_clicks = {"architecture": {**sam_case.ARCHITECTURE, "segmentation_mode": "amg"}}
    assert isinstance(load_segmenter(model, by_clicks), MaskSegmenter)
    refused = inspect(beside)
    assert not refused.usable
    assert "choose the model" in refused.problem
    beside.write_bytes(beside.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="is called as its decoder, but holds none"):
        load_segmenter(model, CARD)


@pytest.mark.parametrize(
    ("change", "card", "why"),
    [
        (lambda n, d: (n, {}), {"segmentation_mode": "ais"}, "there is no decoder"),
        (lambda n, d: (n, {**d, "out_conv.weight": d["out_conv.weight"][:2]}), {}, "with 2 outputs"),
        (lambda n, d: (n, {k: v for k, v in d.items() if "deconv4" not in k}), {}, "another decoder"),
        (lambda n, d: (n, {k: v for k, v in d.items() if "decoder_head" not in k}), {}, "lacks decoder_head"),
        (
            lambda n, d: (
                {
                    **n,
                    "image_encoder.blocks.0.attn.qkv.w_a_linear.0.weight": n["mask_decoder.iou_token.weight"],
                },
                d,
            ),
            {},
            "LoRA",
        ),
        (lambda n, d: (n, d), {"diameter": 30}, "diameter"),
        (lambda n, d: (n, d), {"in_channels": 4}, "in_channels"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path, weights, change, card, why):
    network, decoder = change(*weights)
    torch.save({"model_state": network, "decoder_state": decoder}, path := tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match=why):
        load_segmenter(path, {"architecture": {**sam_case.ARCHITECTURE, **card}})


def test_classes_are_background_and_one_more(tmp_path):
    path = sam_case.saved(tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="objects of one class"):
        load_segmenter(path, {**CARD, "classes": ["background", "a", "b"]})


def test_grey_and_two_colours_are_shown_as_micro_sam_does():
    tiles = torch.tensor([[[[0.0, 0.5]], [[1.0, 0.25]]]])
    assert as_picture(tiles[:, :1]).tolist() == [[[[0, 127]]] * 3]
    assert as_picture(tiles).tolist() == [[[[0, 127]], [[255, 63]], [[0, 0]]]]
    # Halves go upwards at each of the two steps, as Pillow has it.
    seen = as_seen(torch.tensor([[[[0.0, 2.0], [1.0, 4.0]]] * 3]), (4, 4))[0, 0] * 58.395 + 123.675
    assert seen.round().tolist() == [[0, 1, 2, 2], [0, 1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4]]


def test_the_small_encoder_is_read_from_its_weights():
    torch.manual_seed(0)
    shape = TinyShape((8, 12, 16, 24), (1, 2, 1, 1), 20, (3, 2, 4), (2, 2, 3), (12, 16, 24), 16, 10)
    network = SamNetwork(shape, 8, 16).eval()
    encoder = network.image_encoder
    assert TinyShape.of(encoder.state_dict(), "vit_t") == shape
    with torch.inference_mode():
        image = torch.randn(1, 3, 80, 96)
        answer = encoder(image)
        assert answer.shape == (1, 16, 5, 6)
        changed = encoder(image.index_fill(3, torch.tensor([95]), 9))
    assert not torch.equal(answer[..., -1], changed[..., -1])
    with pytest.raises(CheckpointError, match="another kind than that of MobileSAM"):
        TinyShape.of({"patch_embed.seq.0.c.weight": torch.zeros(1)}, "vit_t")
