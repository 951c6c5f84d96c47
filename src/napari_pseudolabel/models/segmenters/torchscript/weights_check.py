"""The weights: PyTorch takes the word of a TorchScript file for how large they are and where they lie.

So its two pickles are read here before, by an unpickler that knows the few names which ``torch.jit.save`` writes and
builds none of them, and every tensor is compared with the bytes that are there.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections import OrderedDict
from typing import Any, NamedTuple

from napari_pseudolabel.budget import scan
from napari_pseudolabel.budget.pickles import Costly
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.segmenters.torchscript.layout import TorchScriptArchive, damaged, foreign

_PICKLES = {"data.pkl": "data", "constants.pkl": "constants"}
# Those that PyTorch's own unpickler of TorchScript understands.
_STEPS = """PROTO STOP MARK EMPTY_TUPLE EMPTY_LIST EMPTY_DICT NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT
BINUNICODE TUPLE TUPLE1 TUPLE2 TUPLE3 LIST DICT APPEND APPENDS SETITEM SETITEMS BINPUT LONG_BINPUT BINGET LONG_BINGET
GLOBAL NEWOBJ BUILD REDUCE BINPERSID"""
_SIZES = {
    8: ("Double", "Long"),
    4: ("Float", "Int"),
    2: ("Half", "BFloat16", "Short"),
    1: ("Char", "Byte", "Bool"),
}
_ITEM_BYTES = {f"{name}Storage": size for size, names in _SIZES.items() for name in names}
_DEVICE = re.compile(r"(cpu|cuda|mps|xpu|privateuseone)(:\d{1,4})?", re.ASCII)
_CLASS = re.compile(r"__torch__(\.\w+)*", re.ASCII)
_REPEATED = 2**20  # values that an expanded tensor may show more than it has


class _Kind(NamedTuple):
    item_bytes: int


class _Storage(NamedTuple):
    values: int


class _Object:
    """Stands for an object of the network; keeps nothing."""

    def __setstate__(self, state: object) -> None:
        pass


class _Refused(Exception):
    """What does not belong there."""


def check_weights(content: TorchScriptArchive) -> None:
    """Check both pickles of an archive.

    Raises
    ------
    CheckpointError
        If they hold anything but the values of a network, or a tensor does not lie inside of its file.
    """
    for path, folder in _PICKLES.items():
        data = content.entries[path]
        try:
            scan(data)
            known = _STEPS.split()
            for step, argument, _ in pickletools.genops(data):
                large = isinstance(argument, int) and not -(2**63) <= argument < 2**63
                if step.name not in known or large:
                    raise _Refused(f"holds a value of an unusual kind ({step.name})")
            _Reader(io.BytesIO(data), content, folder).load()
        except _Refused as error:
            raise foreign(content.name, str(error)) from None
        except Costly as error:
            raise CheckpointError(f"{content.name} {error}; it was not loaded.") from None
        except MemoryError:
            raise CheckpointError(f"{content.name} does not fit into memory.") from None
        except Exception:  # an unpickler that meets arbitrary bytes raises arbitrary errors
            raise damaged(content.name) from None


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, content: TorchScriptArchive, folder: str) -> None:
        super().__init__(file)
        self._content, self._folder = content, folder

    def find_class(self, module: str, name: str) -> object:
        if module == "torch" and name in _ITEM_BYTES:
            return _Kind(_ITEM_BYTES[name])
        if (module, name) in _FUNCTIONS:
            return _FUNCTIONS[(module, name)]
        if (
            _CLASS.fullmatch(module)
            and name.isidentifier()
            and not module.startswith("__torch__.torch.classes")
        ):
            return _Object
        raise _Refused(f"asks for `{module}.{name}`"[:120])

    def persistent_load(self, pid: object) -> _Storage:
        match pid:
            case ("storage", _Kind() as kind, str() as key, str() as device, int() as count):
                there = len(self._content.entries.get(f"{self._folder}/{key}", b""))
                if not _DEVICE.fullmatch(device) or not 0 <= count * kind.item_bytes <= there:
                    raise _Refused(f"says that {self._folder}/{key[:20]} holds {count} values")
                return _Storage(count)
        raise _Refused("holds weights of an unusual kind")


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: object) -> None:
    if not isinstance(storage, _Storage) or len(size) != len(stride) or len(size) > 16:
        raise _Refused("holds weights of an unusual kind")
    if not all(type(one) is int and 0 <= one < 2**48 for one in (offset, *size, *stride)):
        raise _Refused("holds weights of an impossible shape")
    if 0 in size:
        return
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if last >= storage.values or math.prod(size) > max(storage.values, _REPEATED):
        raise _Refused("holds weights that lie outside of their file")


def _as_it_is(value: object, *_: object) -> object:
    return value


_FUNCTIONS: dict[tuple[str, str], object] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _as_it_is,
    ("torch", "device"): _as_it_is,
    ("collections", "OrderedDict"): OrderedDict,
    ("torch.jit._pickle", "restore_type_tag"): _as_it_is,
    **{("torch.jit._pickle", f"build_{kind}list"): _as_it_is for kind in ("int", "double", "bool", "tensor")},
}
