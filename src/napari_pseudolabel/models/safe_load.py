"""Read checkpoints as data: a checkpoint is never code.

`load_weights` is for files that should hold weights only, `load_archive` for training archives that also
pickle the settings of the run. Neither executes anything that a file asks for.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import threading
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.archive import Inert, plain, read_legacy, read_zip

__all__ = ["Inert", "load_archive", "load_weights", "plain", "sha256", "strip_prefixes"]

_Value = TypeVar("_Value")
_PREFIXES = ("module.", "_orig_mod.")
_CHECKPOINT_SUFFIXES = (".json", ".pth", ".pt", ".ckpt", ".safetensors")

# torch keeps its allow-list per process: without the lock, the first of two threads to finish would
# take the list away from the other
_ALLOW_LIST_IN_USE = threading.Lock()


def _numpy_scalars() -> list[Any]:
    scalar = np.float32(0).__reduce__()[0]
    return [
        (scalar, "numpy._core.multiarray.scalar"),
        (scalar, "numpy.core.multiarray.scalar"),
        np.dtype,
        np.dtypes.Float32DType,
        np.dtypes.Float64DType,
        np.dtypes.Int64DType,
    ]


def load_weights(path: str | Path) -> Any:
    """Load a file of weights with ``torch.load(weights_only=True)`` and numpy scalars allowed.

    Parameters
    ----------
    path
        A file written by ``torch.save``, zip or legacy.

    Returns
    -------
    Any
        What was saved, tensors on the CPU.

    Raises
    ------
    CheckpointError
        If the file is missing, cut off, not a PyTorch file, or asks for more than tensors and values.
    """
    path = Path(path)
    _kind(path)
    try:
        with _ALLOW_LIST_IN_USE, torch.serialization.safe_globals(_numpy_scalars()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        if refused:
            raise CheckpointError(
                f"{path.name} asks to run `{refused[1]}`, which a checkpoint must not do; it was not loaded."
            ) from None
        raise _damaged(path) from None
    except MemoryError:
        raise CheckpointError(f"{path.name} does not fit into memory.") from None
    except Exception:  # the reader meets arbitrary bytes and raises arbitrary errors
        raise _damaged(path) from None


def load_archive(path: str | Path) -> Any:
    """Load a training archive such as SynDiff's ``content.pth``; unknown classes become `Inert` records.

    Parameters
    ----------
    path
        A file written by ``torch.save``, zip or legacy. In a zip file, tensors are mapped from the file and
        read when they are used: keep the file in place until the weights are copied into a network.

    Returns
    -------
    Any
        What was saved, tensors on the CPU. Use `plain` on an `Inert` to get its attributes.

    Raises
    ------
    CheckpointError
        If the file is missing, cut off or not a PyTorch file.
    """
    path = Path(path)
    reader = read_zip if _kind(path) == "zip" else read_legacy
    try:
        return reader(path)
    except CheckpointError as error:
        raise CheckpointError(f"{path.name} cannot be read as a checkpoint: {error}.") from None
    except MemoryError:
        raise CheckpointError(f"{path.name} does not fit into memory.") from None
    except Exception:  # the unpickler meets arbitrary bytes and raises arbitrary errors
        raise _damaged(path) from None


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(f"{path.name} is incomplete or damaged; copy or download it again.")


def _kind(path: Path) -> str:
    if path.is_dir():
        raise CheckpointError(f"{path.name} is a folder, where a checkpoint file was expected.")
    try:
        with open(path, "rb") as file:
            head = file.read(8)
    except FileNotFoundError:
        raise CheckpointError(f"There is no file {path}.") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from None
    if not head:
        raise CheckpointError(f"{path.name} is empty; copy or download it again.")
    if head.startswith(b"\x80"):
        return "legacy"
    if not head.startswith(b"PK\x03\x04"):
        raise CheckpointError(
            f"{path.name} is not a PyTorch checkpoint; choose a file written by torch.save."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        raise _damaged(path) from None
    if any(name.endswith("/constants.pkl") for name in names):
        raise CheckpointError(f"{path.name} is a TorchScript archive, where weights were expected.")
    if not any(name.endswith("/data.pkl") for name in names):
        raise CheckpointError(f"{path.name} is a zip file, but not a PyTorch checkpoint.")
    return "zip"


def sha256(path: str | Path, files: Iterable[Path] | None = None) -> str:
    """Hash a checkpoint.

    Parameters
    ----------
    path
        A file (its content is hashed) or a folder (names and contents of its files, sorted by name).
    files
        Which files of a folder count; by default all weights and JSON files in it and below.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    path = Path(path)
    if path.is_file():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if files is None:
        files = [p for p in path.rglob("*") if p.suffix in _CHECKPOINT_SUFFIXES and p.is_file()]
    total = hashlib.sha256()
    for name, file_path in sorted((p.relative_to(path).as_posix(), p) for p in files):
        total.update(f"{name}\0{sha256(file_path)}\n".encode())
    return total.hexdigest()


def strip_prefixes(state_dict: Mapping[str, _Value]) -> dict[str, _Value]:
    """Remove what DataParallel (``module.``) and torch.compile (``_orig_mod.``) put before every name.

    Prefixes are removed as often as all names carry them.
    """
    result = dict(state_dict)
    while result:
        found = next((p for p in _PREFIXES if all(str(k).startswith(p) for k in result)), None)
        if found is None:
            break
        result = {key.removeprefix(found): value for key, value in result.items()}
    return result
