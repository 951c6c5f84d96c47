"""Networks without weights: names and shapes, at no cost in memory, however large a file says that they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class _WithoutValues(TorchFunctionMode):
    """Leaves out what fills tensors. Beside the time, it would make torch import its compiler, which writes files."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        options = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        first = args[0] if args else options.get("tensor")
        fills = name.endswith("_") and not name.endswith("__") and name != "requires_grad_"
        if fills and isinstance(first, Tensor):
            return first
        return func(*args, **options)


def outlined(make: Callable[[], nn.Module]) -> nn.Module:
    """Build a network without memory and without values, on the device "meta"."""
    with torch.device("meta"), _WithoutValues():
        return make()
