"""A stand-in for a GPU: the device "meta", where tensors have shapes and no values, with the rules of CUDA."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

META = torch.device("meta")
# These move values from one device to another, which is how one gets there.
_MOVING = (
    "to",
    "cpu",
    "copy_",
    "__set__",
    "__get__",
    "empty_like",
    "zeros_like",
    "set_",
    "_has_compatible_shallow_copy_type",
)


class OneDevice(TorchFunctionMode):
    """Refuses what CUDA would refuse, tensors of two devices in one operation, and brings back zeros for values."""

    def __init__(self) -> None:
        super().__init__()
        self.computed = 0  # operations on the device

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        name, options = getattr(func, "__name__", ""), dict(kwargs or {})
        tensors = [one for one in tree_leaves((list(args), options)) if isinstance(one, Tensor)]
        there = [one for one in tensors if one.is_meta]
        if there and name in ("cpu", "to"):
            wanted = [
                one for one in tree_leaves((list(args[1:]), options)) if isinstance(one, str | torch.device)
            ]
            if name == "cpu" or any(torch.device(one).type == "cpu" for one in wanted):
                kept = [one for one in tree_leaves((list(args[1:]), options)) if isinstance(one, torch.dtype)]
                return torch.zeros(there[0].shape, dtype=kept[0] if kept else there[0].dtype)
        if there and name in ("item", "__float__", "__int__", "tolist"):
            return torch.zeros(there[0].shape, dtype=there[0].dtype).tolist()
        if there and name == "__bool__":
            return True
        if name not in _MOVING:
            mixed = {one.device.type for one in tensors if one.ndim}
            assert len(mixed) < 2, f"{name} has tensors on {' and '.join(sorted(mixed))}"
            self.computed += bool(there)
        return func(*args, **options)


@contextmanager
def on_meta(monkeypatch: pytest.MonkeyPatch) -> Iterator[OneDevice]:
    """Let the device called "meta" be one that can be chosen, and hold the rules of CUDA meanwhile."""
    from napari_pseudolabel.models.segmenters.nnunet import segmenter
    from napari_pseudolabel.tiling import devices

    known = devices.pick_device
    for module in (devices, segmenter):
        monkeypatch.setattr(
            module, "pick_device", lambda name="auto": META if name == "meta" else known(name)
        )
    with OneDevice() as rules:
        yield rules
