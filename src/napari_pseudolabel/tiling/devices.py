"""Where tensors are computed: the person names a device, or lets us choose."""

from __future__ import annotations

import torch

from napari_pseudolabel.errors import DeviceError


def pick_device(name: str = "auto") -> torch.device:
    """Return the device that a name stands for, after checking that it is here.

    Parameters
    ----------
    name
        "auto" (CUDA if there is one, else Apple's GPU, else the CPU), "cpu", "cuda", "cuda:1" or "mps".

    Returns
    -------
    torch.device
        CUDA devices always carry their index.

    Raises
    ------
    DeviceError
        If the name is no device, or this machine does not have it.
    """
    wanted = name.strip().lower()
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
    if wanted == "cpu":
        return torch.device("cpu")
    if wanted == "mps":
        if not _has_mps():
            raise DeviceError("PyTorch finds no Apple GPU here; choose the device cpu or auto.")
        return torch.device("mps", 0)
    kind, _, index = wanted.partition(":")
    if kind == "cuda" and (index.isdecimal() or wanted == "cuda"):
        return _cuda(int(index) if index else None)
    raise DeviceError(f"“{name}” is no device; use auto, cpu, cuda, cuda:0, cuda:1 ... or mps.")


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _cuda(index: int | None) -> torch.device:
    if not torch.cuda.is_available():
        reason = (
            "this PyTorch was built without CUDA"
            if torch.version.cuda is None
            else "PyTorch finds no NVIDIA GPU or its driver"
        )
        raise DeviceError(f"CUDA is not available here ({reason}); choose the device cpu or auto.")
    count = torch.cuda.device_count()
    if index is None:
        index = torch.cuda.current_device()
    if index >= count:
        there = "only cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise DeviceError(f"There is no device cuda:{index}; this machine has {there}.")
    return torch.device("cuda", index)
