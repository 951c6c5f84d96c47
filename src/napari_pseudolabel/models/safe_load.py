"""Read checkpoints as data: a checkpoint is never code.

`load_weights` is for files that should hold weights only, `load_archive` for training archives that also
pickle the settings of the run. Neither executes anything that a file asks for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from napari_pseudolabel.budget import open_regular, open_zip
from napari_pseudolabel.budget.pickles import Costly
from napari_pseudolabel.errors import CheckpointError, FileError
from napari_pseudolabel.models.archive import Inert, UnsupportedGlobalError, plain, read_legacy, read_zip

__all__ = ["Inert", "load_archive", "load_weights", "plain", "sha256", "strip_prefixes"]

_Value = TypeVar("_Value")
_PREFIXES = ("module.", "_orig_mod.")
_CHECKPOINT_SUFFIXES = (".json", ".yaml", ".pth", ".pt", ".ckpt", ".safetensors", ".onnx", ".data")


def load_weights(path: str | Path) -> Any:
    """Load a file of weights: tensors and plain values, no class of anybody's.

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
        If the file is missing, cut off, not a PyTorch file, beyond the budget, or asks for more than tensors
        and values.
    """
    return _load(Path(path), strict=True)


def load_archive(path: str | Path) -> object:
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
        If the file is missing, cut off, not a PyTorch file, or beyond the budget.
    """
    return _load(Path(path), strict=False)


def _load(path: Path, *, strict: bool) -> object:
    try:
        if _is_zip(path):
            with open_zip(path) as archive:
                return read_zip(path, archive, strict=strict)
        return read_legacy(path, strict=strict)
    except UnsupportedGlobalError as error:
        raise CheckpointError(
            f"{path.name} asks to run `{error}`, which a checkpoint must not do; it was not loaded."
        ) from None
    except FileError:
        raise
    except FileNotFoundError:
        raise CheckpointError(f"There is no file {path}.") from None
    except Costly as error:
        raise CheckpointError(f"{path.name} {error}; it was not loaded.") from None
    except CheckpointError as error:
        raise CheckpointError(f"{path.name} cannot be read as a checkpoint: {error}.") from None
    except MemoryError:
        raise CheckpointError(f"{path.name} does not fit into memory.") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from None
    except Exception:  # the unpickler meets arbitrary bytes and raises arbitrary errors
        raise CheckpointError(f"{path.name} is incomplete or damaged; copy or download it again.") from None


def _is_zip(path: Path) -> bool:
    """Whether it is of the zip format or, if not, of the legacy format."""
    if path.is_dir():
        raise FileError(f"{path.name} is a folder, where a checkpoint file was expected.")
    with open_regular(path) as file:
        head = file.read(8)
    if not head:
        raise FileError(f"{path.name} is empty; copy or download it again.")
    if head.startswith(b"PK\x03\x04"):
        return True
    if not head.startswith(b"\x80"):
        raise FileError(f"{path.name} is not a PyTorch checkpoint; choose a file written by torch.save.")
    return False


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
    if not path.is_dir():
        with open_regular(path) as file:
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
