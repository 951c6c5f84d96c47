"""Networks that people really export pass the list of operators."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchscript_files import CARD, saved

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.models.segmenters.torchscript.examining import open_checked


def block(inside: int, outside: int, norm, act) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1), norm(outside), act(), nn.Dropout2d(0.1),
        nn.Conv2d(outside, outside, 3, padding=1), norm(outside), act(),
    )  # fmt: skip


class PlainUNet(nn.Module):
    def __init__(self, norm=nn.BatchNorm2d, act=nn.ReLU, up: str = "") -> None:
        super().__init__()
        self.down, self.below = block(1, 4, norm, act), block(4, 4, norm, act)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.Upsample(scale_factor=2.0, mode=up) if up else nn.ConvTranspose2d(4, 4, 2, 2)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.down(x)
        b = self.up(self.below(self.pool(a)))
        if b.shape[-1] != a.shape[-1]:
            b = F.pad(b, [0, a.size(3) - b.size(3), 0, a.size(2) - b.size(2)])
        return self.last(torch.cat([a, b], 1))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1, padding_mode="reflect")
        self.gate = nn.Conv2d(8, 1, 1)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm, self.linear = nn.LayerNorm(8), nn.Linear(8, 8)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        f = F.leaky_relu(self.first(x), 0.1)
        f = f * torch.sigmoid(self.gate(f))
        p = F.adaptive_avg_pool2d(f, [8, 8])
        b, c, h, w = p.shape
        t = self.norm(p.flatten(2).transpose(1, 2))
        t = F.gelu(self.linear(t + self.attention(t, t, t, need_weights=False)[0]))
        q = F.interpolate(t.permute(0, 2, 1).reshape(b, c, h, w), size=x.shape[-2:], mode="bilinear")
        return self.last(f + q).softmax(1)


class Mixed(nn.Module):
    """Loops, branches, optional values, lists, a small table: what scripts hold besides layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 1)])
        self.last = nn.ModuleDict({"a": nn.Conv2d(4, 2, 1)})
        self.register_buffer("kernel", torch.ones(1, 1, 1, 1).expand(4, 1, 3, 3))
        self.scale: float | None = 2.0
        self.names = {"a": 1}

    def forward(self, x: torch.Tensor, steps: int = 2, factor: float = 1.0) -> torch.Tensor:
        if x.dim() != 4:
            raise ValueError(f"expected four axes, got {x.dim()}")
        found: list[torch.Tensor] = []
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        for _ in range(steps):
            x = F.conv2d(x, self.kernel, padding=1, groups=4)
        scale = self.scale
        if scale is not None:
            x = x * scale * factor
        x[:, :, 0] = 0
        return self.last["a"](x + torch.stack(found[-1:]).sum(0))


def monai(name: str, *values: object, **options: object) -> Callable[[], nn.Module]:
    """A network of MONAI, which takes seconds to import: not while tests are collected."""
    return lambda: getattr(import_module("monai.networks.nets"), name)(*values, **options)


NETWORKS = {
    "batch norm": PlainUNet,
    "instance norm": lambda: PlainUNet(nn.InstanceNorm2d, nn.LeakyReLU, "bilinear"),
    "group norm": lambda: PlainUNet(lambda n: nn.GroupNorm(2, n), nn.SiLU, "nearest"),
    "elu": lambda: PlainUNet(act=nn.ELU),
    "prelu": lambda: PlainUNet(act=nn.PReLU),
    "hardswish": lambda: PlainUNet(act=nn.Hardswish),
    "attention": Attention,
    "mixed": Mixed,
    "monai UNet": monai("UNet", 2, 1, 2, (4, 8), (2,), num_res_units=1),
    "monai BasicUNet": monai("BasicUNet", 2, 1, 2, features=(2, 2, 2, 2, 2, 2)),
    "monai AttentionUnet": monai("AttentionUnet", 2, 1, 2, (4, 8), (2,)),
    "monai DynUNet": monai("DynUNet", 2, 1, 2, [3, 3, 3], [1, 2, 2], [2, 2], filters=[2, 4, 4]),
    "monai SegResNet": monai("SegResNet", 2, 8, 1, 2, blocks_down=(1, 1), blocks_up=(1,)),
}


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize(
    ("name", "how"),
    [
        *((name, how) for name in NETWORKS for how in ("scripted", "traced")),
        *((name, "frozen") for name in ("batch norm", "instance norm", "attention", "mixed", "monai UNet")),
    ],
)
def test_it_passes_and_answers_as_before(tmp_path, name, how):
    torch.manual_seed(0)
    network, image = NETWORKS[name]().eval(), torch.rand(2, 1, 32, 32)
    made = (
        torch.jit.trace(network, image, check_trace=False) if how == "traced" else torch.jit.script(network)
    )
    torch.jit.save(torch.jit.freeze(made) if how == "frozen" else made, tmp_path / "t.pt")
    opened, _ = open_checked(tmp_path / "t.pt")
    with torch.inference_mode():
        torch.testing.assert_close(opened(image), network(image), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["batch norm", "monai UNet"])
def test_half_precision_passes(tmp_path, name):
    opened, _ = open_checked(saved(NETWORKS[name]().half(), tmp_path / "t.pt"))
    assert {weight.dtype for weight in opened.parameters()} == {torch.float16}


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN")
def test_optimised_for_inference_is_told_apart_from_hostile(tmp_path):
    """PyTorch writes such files, and cannot load them itself."""
    script = torch.jit.freeze(torch.jit.script(PlainUNet().eval()))
    torch.jit.save(torch.jit.optimize_for_inference(script), tmp_path / "t.pt")
    with pytest.raises(RuntimeError):
        torch.jit.load(tmp_path / "t.pt")
    with pytest.raises(CheckpointError, match=r"Save it before torch\.jit\.optimize_for_inference"):
        open_checked(tmp_path / "t.pt")


def test_hooks_that_only_compute_pass(tmp_path):
    def double(self, input: tuple[torch.Tensor], output: torch.Tensor):
        return output * 2

    network = nn.Sequential(nn.Conv2d(1, 2, 1))
    network[0].register_forward_hook(double)
    opened, _ = open_checked(saved(network, tmp_path / "t.pt"))
    image = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(opened(image), network(image))


@pytest.mark.usefixtures("one_process")
def test_a_network_that_ends_with_a_convolution_answers_with_logits(tmp_path):
    segmenter = load_segmenter(saved(PlainUNet(), tmp_path / "t.pt"), CARD)
    assert segmenter.card.architecture["output"] == "logits"
