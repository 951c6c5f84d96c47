"""Checkpoints of Segment Anything: what is read, what is refused, and that a view is looked at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.sam_files import sam_files, sam_titles
from napari_pseudolabel.models.segmenters.sam.sam_model import load_sam
from napari_pseudolabel.models.segmenters.sam.sam_network import SamNetwork
from napari_pseudolabel.models.segmenters.sam.vit_encoder import EncoderShape

# Two blocks, of which the first attends within windows of three tokens.
SHAPE = EncoderShape(8, 4, 4, (8, 8), ((5, 5), (15, 15)), (3, 0), 16, 16)


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(0)
    network = SamNetwork(SHAPE, 8, 24)
    for name, one in network.named_parameters():
        one.data.normal_(0, 0.4 if one.ndim > 1 or "norm" not in name else 0.2)
    network.prompt_encoder.pe_layer.get_buffer("positional_encoding_gaussian_matrix").normal_()
    return network.state_dict()


@pytest.mark.parametrize("kind", ["plain", "of micro-sam"])
def test_a_view_is_looked_at_once_and_clicks_matter(tmp_path, weights, kind):
    held = (
        weights if kind == "plain" else {"model_state": {f"sam.{name}": one for name, one in weights.items()}}
    )
    torch.save(held, path := tmp_path / "vit_b.pt")
    model = load_sam(path)
    assert model.shape == SHAPE
    looks = []
    model.network.image_encoder.register_forward_hook(lambda *_: looks.append(1))
    picture = np.random.default_rng(0).random((20, 28)).astype(np.float32)
    one = model.mask(picture, [(4, 5)], [True])
    more = model.mask(picture, [(4, 5), (15, 20)], [True, False])
    assert one.shape == more.shape == picture.shape
    assert len(looks) == 1
    logits = []
    model.network.mask_decoder.register_forward_hook(lambda *said: logits.append(said[2][0]))
    for places, inside in (([(4, 5)], [True]), ([(4, 5)], [False]), ([(15, 20)], [True])):
        model.mask(picture, places, inside)
    assert not torch.allclose(logits[0], logits[1])
    assert not torch.allclose(logits[0], logits[2])
    model.mask(picture * 2 + picture.T[:20, :20].mean(), [(4, 5)], [True])
    assert len(looks) == 2


def test_images_are_prepared_as_the_network_was_taught(weights, tmp_path):
    torch.save(weights, path := tmp_path / "vit_b.pt")
    picture = np.repeat(np.array([[0, 255]], np.float32), 32, 0).repeat(16, 1)
    found = load_sam(path)._prepared(picture[:16])
    assert found.shape == (1, 3, 32, 32)
    assert not found[..., 16:, :].any()
    assert found[0, 0, 0, 0] == pytest.approx(-123.675 / 58.395)
    assert found[0, 2, 0, 31] == pytest.approx((255 - 103.53) / 57.375)
    tiny = load_sam(path)._prepared(np.float32(1e-9) * picture[:16])
    np.testing.assert_allclose(tiny, found)  # whatever the unit of the image is


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda w: {k: v for k, v in w.items() if not k.startswith("mask_decoder")}, "no mask_decoder"),
        (
            lambda w: {**w, "image_encoder.patch_embed.seq.0.c.weight": torch.zeros(1)},
            "of MobileSAM .vit_t.: .* missing",
        ),
        (lambda w: {k: v for k, v in w.items() if "pos_embed" not in k}, "another kind"),
        (lambda w: {k: v for k, v in w.items() if "norm4" not in k}, "lacks mask_decoder.*norm4"),
    ],
)
def test_what_is_no_such_model_is_said(tmp_path, weights, change, why):
    torch.save(change(weights), path := tmp_path / "sam.pth")
    with pytest.raises(CheckpointError, match=why):
        load_sam(path)


def test_models_that_are_there_are_found_by_their_names(tmp_path, monkeypatch):
    monkeypatch.setenv("MICROSAM_CACHEDIR", str(tmp_path))
    (tmp_path / "models").mkdir()
    for name in ("vit_b_lm", "vit_b_lm_decoder", "vit_t", "sam_vit_h_4b8939.pth", "cpsam.pth", "notes.txt"):
        (tmp_path / "models" / name).touch()
    found = [path.name for path in sam_files() if path.parent.parent == tmp_path]
    assert found == ["sam_vit_h_4b8939.pth", "vit_b_lm", "vit_t"]


def test_published_models_have_titles_and_others_their_names():
    names = (
        "micro_sam/vit_b_lm",
        "sam_vit_h_4b8939.pth",
        "mine/vit_l_em_organelles.pt",
        "vit_t",
        "vit_b_mine.pt",
        "sam_cells.pt",
    )
    assert sam_titles([Path(name) for name in names]) == [
        "Light microscopy, base (vit_b_lm)",
        "Segment Anything, huge (sam_vit_h_4b8939)",
        "Organelles in EM, large (vit_l_em_organelles)",
        "Segment Anything, tiny (vit_t)",
        "vit_b_mine",
        "sam_cells",
    ]
    twice = sam_titles([Path("one/vit_b.pth"), Path("two/vit_b")])
    assert twice == ["Segment Anything, base (vit_b) in one", "Segment Anything, base (vit_b) in two"]
