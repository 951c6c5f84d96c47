"""In which precision a training multiplies."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device has units for products of bfloat16, in which a training takes a part of the time.

    GPUs say so themselves; of CPUs those have them that have AMX. Others would widen every number first, and be slower.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    # An older torch does not say what its CPU can do.
    known: Callable[[], Mapping[str, object]] = getattr(torch.cpu, "get_capabilities", dict)
    return device.type == "cpu" and bool(known().get("amx_bf16"))
