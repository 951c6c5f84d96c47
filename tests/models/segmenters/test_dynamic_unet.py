"""Our own U-Net is MONAI's DynUNet: same weights, same answers."""

from __future__ import annotations

import pytest
import torch

from napari_pseudolabel.models.segmenters import common
from napari_pseudolabel.models.segmenters.common import mirrored
from napari_pseudolabel.models.segmenters.dynamic_unet import DynamicUNet


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("filters", [(4, 6, 8), (4, 4, 8, 8), (4, 4, 4)])
def test_it_answers_as_that_of_monai(filters, residual):
    from monai.networks.nets import DynUNet

    torch.manual_seed(0)
    levels = len(filters)
    theirs = DynUNet(
        spatial_dims=2,
        in_channels=2,
        out_channels=3,
        kernel_size=[3] * levels,
        strides=[1] + [2] * (levels - 1),
        upsample_kernel_size=[2] * (levels - 1),
        filters=filters,
        norm_name=("INSTANCE", {"affine": True}),
        res_block=residual,
    ).eval()
    weights = dict(theirs.named_parameters())
    ours = DynamicUNet(2, 3, filters, residual=residual).eval()
    # The order as well: states of optimisers know parameters by their number.
    assert list(ours.state_dict()) == list(dict(ours.named_parameters())) == list(weights)
    with torch.no_grad():
        for weight in weights.values():
            weight.copy_(torch.randn_like(weight) * 0.3)
    ours.load_state_dict(weights)
    x = torch.randn(2, 2, 32, 48)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-5 * float(theirs(x).abs().max()))


def test_first_weights_are_drawn_as_there():
    torch.manual_seed(0)
    network = DynamicUNet(1, 3, (16, 32, 64))
    assert not network.output_block["conv"].conv.bias.any()
    for name, weight in network.named_parameters():
        if name.endswith("conv.weight"):
            fan = weight[0].numel()
            assert float(weight.detach().std()) == pytest.approx((2 / fan) ** 0.5, rel=0.2), name


def test_normalising_without_gradients_is_the_same():
    torch.manual_seed(0)
    network, x = DynamicUNet(1, 3, (8, 8, 16)).eval(), torch.rand(2, 1, 32, 32)
    for name, weight in network.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(weight)
    slow = network(x)
    with torch.inference_mode():
        torch.testing.assert_close(network(x), slow, rtol=0, atol=1e-5 * float(slow.detach().abs().max()))


@pytest.mark.parametrize("axes", [(), (0,), (0, 1)])
@pytest.mark.parametrize("tiles", [1, 3])
def test_flips_at_once_are_flips_one_by_one(axes, tiles, monkeypatch):
    batches = []

    def network(x):
        batches.append(len(x))
        return x * torch.linspace(0, 1, x.shape[-1]) + torch.linspace(0, 2, x.shape[-2])[:, None]

    x = torch.rand(tiles, 1, 16, 12)
    together = mirrored(network, x, axes)
    assert batches == [tiles * 2 ** len(axes)]
    batches.clear()
    monkeypatch.setattr(common, "_TOGETHER_PIXELS", 0)
    torch.testing.assert_close(mirrored(network, x, axes), together)
    assert batches == [tiles] * 2 ** len(axes)
