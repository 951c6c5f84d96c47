"""Damaged and changed TorchScript files, hundreds of them: one sentence each, and no file is made."""

from __future__ import annotations

import io
import random
import zipfile

import pytest
import torch
from torch import nn

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.inspection_process import InspectionProcess, Limits

pytestmark = pytest.mark.soak
TRIES = 300
OPENED = "napari_pseudolabel.models.segmenters.torchscript.examining:opened"
LINES = (
    "x = torch.from_file(\"made\", True, 16)", "x.save(\"made\")", "torch.save(x, \"made\")", "x = x.as_strided([9], [9])",
    "x = (x).forward(x, )", "x = self", "x = torch.view(x, [-1])", "y = [x] * 9999999999", "return x",
)  # fmt: skip


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1)
        )
        self.steps = [1, 2]

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        for step in self.steps:
            x = x * scale + step
        return self.layers(x)


def changed(data: bytes, draw: random.Random) -> bytes:
    """Flip bytes of the file or of one entry, exchange names and numbers, or put in a line."""
    if draw.random() < 0.3:
        return flipped(data, draw)
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        entries = {info.filename: old.read(info) for info in old.infolist()}
    name = draw.choice([one for one in entries if one.endswith((".py", ".pkl"))])
    content = entries[name]
    if name.endswith(".py"):
        lines = content.decode().split("\n")
        at = draw.randrange(len(lines))
        match draw.randrange(3):
            case 0:
                lines.insert(at, "    " + draw.choice(LINES))
            case 1:
                lines[at] = lines[draw.randrange(len(lines))]
            case 2:
                words = lines[at].split(" ")
                words[draw.randrange(len(words))] = draw.choice(content.decode().split())
                lines[at] = " ".join(words)
        content = "\n".join(lines).encode()
    else:
        content = flipped(content, draw)
    entries[draw.choice([name, name, name, name.upper(), name + "x"])] = content
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as new:
        for one, inside in entries.items():
            new.writestr(one, inside)
    return stream.getvalue()


def flipped(data: bytes, draw: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(draw.randint(1, 3)):
        found[draw.randrange(len(found))] = draw.randrange(256)
    return bytes(found)


def test_changed_torchscript_files(tmp_path, monkeypatch, figures):
    monkeypatch.chdir(tmp_path)
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(Network().eval()), stream)
    draw, path = random.Random(7), tmp_path / "t.pt"
    failed = 0
    with InspectionProcess() as apart:
        for _ in range(TRIES):
            path.write_bytes(changed(stream.getvalue(), draw))
            try:
                apart.call(OPENED, str(path), name=path.name, limits=Limits(cpu_s=20))
            except CheckpointError as error:
                sentence = str(error)
                failed += not sentence.startswith("t.pt ") or not sentence.endswith(".") or "\n" in sentence
    made = [one for one in tmp_path.iterdir() if one != path]
    figures(tried=TRIES, failed=failed, lost=len(made))
    assert failed == 0
    assert made == []
