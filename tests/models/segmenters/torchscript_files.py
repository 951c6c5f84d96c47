"""TorchScript files, and what somebody could make of them. They write into the folder of a test only."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

CARD = {
    "classes": [{"name": "background", "value": 0}, {"name": "cell", "value": 1}],
    "normalisation": {"kind": "range", "low": 0, "high": 255},
}


class Threshold(nn.Module):
    """Bright pixels are cells."""

    def __init__(self, softmax: bool = False) -> None:
        super().__init__()
        self.softmax = softmax

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = torch.cat([0.5 - x, x - 0.5], 1) * 20
        return logits.softmax(1) if self.softmax else logits


def saved(network: nn.Module, path: Path) -> Path:
    """Script a network and save it."""
    torch.jit.script(network.eval()).save(str(path))
    return path


def edited(path: Path, edit: Callable[[str, bytes], bytes | tuple[str, bytes] | None]) -> Path:
    """Write every entry of an archive again, changed: the new content, name and content, or None to leave it out."""
    with zipfile.ZipFile(path) as old:
        entries = [(info.filename, old.read(info)) for info in old.infolist()]
    with zipfile.ZipFile(path, "w") as new:
        for name, content in entries:
            found = edit(name.partition("/")[2], content)
            if isinstance(found, tuple):
                new.writestr(f"{name.partition('/')[0]}/{found[0]}", found[1])
            elif found is not None:
                new.writestr(name, found)
    return path


def with_source(path: Path, before: str, after: str) -> Path:
    """Replace a part of the source text."""
    found = []

    def edit(name: str, content: bytes) -> bytes:
        if name.endswith(".py"):
            found.append(before.encode() in content)
            content = content.replace(before.encode(), after.encode())
        return content

    edited(path, edit)
    assert any(found)
    return path


def with_line(path: Path, line: str) -> Path:
    """Put a line before what `Threshold` does."""
    return with_source(path, "x: Tensor) -> Tensor:\n", f"x: Tensor) -> Tensor:\n    {line}\n")
