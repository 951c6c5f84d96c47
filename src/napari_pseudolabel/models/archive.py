"""Read a PyTorch training archive without importing or calling anything that it names.

A pickle is a small program: it names functions and asks for them to be called. This reader knows a
handful of harmless names (ordered dictionaries, tensors, storages, dtypes, numpy scalars) and has its
own implementation of each. Every other name becomes a class derived from `Inert`, whose instances only
remember what the file wanted to build. No name from a file is ever looked up in a Python module.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import count
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
import torch

from napari_pseudolabel.budget import BUDGET, open_regular, scan
from napari_pseudolabel.budget.pickles import Costly
from napari_pseudolabel.errors import CheckpointError, FileError
from napari_pseudolabel.types import JsonObject

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C

_STORAGE_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
    "UntypedStorage": torch.uint8,
}
_DTYPE_NAMES = (
    "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 uint16 bool complex64 complex128"
)
_DTYPES = {name: getattr(torch, name) for name in _DTYPE_NAMES.split()}
_MOST_SETTINGS = 20_000
_NUMPY_CODE = re.compile(r"[biufc]\d{1,2}")


class Inert:
    """What a file asked to build, kept as data; one subclass per class name in the file.

    Attributes
    ----------
    module, name
        Where the file says the class or function comes from. Never imported.
    args, kwargs
        Arguments it wanted to call it with.
    state
        The state it wanted to restore (usually the ``__dict__`` of the original object), or None.
    entries
        Items, as (key, value) pairs, or elements added afterwards, as to a subclass of dict or list.
    """

    module: ClassVar[str] = ""
    name: ClassVar[str] = ""
    args: tuple[object, ...]
    kwargs: dict[str, object]
    state: object
    entries: list[Any]

    __slots__ = ("args", "entries", "kwargs", "state")

    def __new__(cls, *args: object, **kwargs: object) -> Inert:
        """Keep what the archive would have called its class with, and call nothing."""
        self = super().__new__(cls)
        self.args = args
        self.kwargs = kwargs
        self.state = None
        self.entries = []
        return self

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Do nothing: `__new__` has stored everything, for opcodes that skip `__init__`."""

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __call__(self, *args: object) -> Inert:
        """Record the call of something that a call returned; nothing is called."""
        return Inert(self, *args)

    def __setitem__(self, key: object, value: object) -> None:
        self.entries.append((key, value))

    def append(self, value: object) -> None:
        """Remember an element (a pickle appends to subclasses of list)."""
        self.entries.append(value)

    def extend(self, values: list[object]) -> None:
        """Remember several elements."""
        self.entries.extend(values)

    add = append

    def __repr__(self) -> str:
        return f"Inert({self.module}.{self.name})"


class _Ordered(OrderedDict):
    """An ordered dictionary that ignores restored attributes, so that a file cannot shadow its methods."""

    def __setstate__(self, state: object) -> None:
        return None


class _Function:
    """A callable of ours that a file may call but not change."""

    __slots__ = ("_call",)
    _call: Callable[..., object]

    def __init__(self, call: Callable[..., object]) -> None:
        object.__setattr__(self, "_call", call)

    def __call__(self, *args: object) -> object:
        return self._call(*args)

    def __setattr__(self, name: str, value: object) -> None:
        raise CheckpointError("it tries to change a function")

    def __setstate__(self, state: object) -> None:
        raise CheckpointError("it tries to change a function")


class _StorageType:
    """The name of a storage class in the file."""

    __slots__ = ("dtype", "untyped")

    def __init__(self, name: str) -> None:
        self.dtype = _STORAGE_DTYPES[name]
        self.untyped = name == "UntypedStorage"

    def __setstate__(self, state: object) -> None:
        raise CheckpointError("it tries to change a storage class")


class _Storage:
    """Flat memory of one storage: a 1D uint8 tensor and the dtype of its elements."""

    __slots__ = ("dtype", "memory")

    def __init__(self, memory: torch.Tensor, dtype: torch.dtype) -> None:
        self.memory = memory
        self.dtype = dtype

    def __setstate__(self, state: object) -> None:
        raise CheckpointError("it tries to change a storage")


class _NumpyType:
    """A numpy dtype as pickled: a code such as ``f4``, and the byte order, which arrives as state."""

    __slots__ = ("code", "order")

    def __init__(self, code: object, *_flags: object) -> None:
        if not isinstance(code, str) or not _NUMPY_CODE.fullmatch(code):
            raise CheckpointError("it holds a numpy value of a type that is not a plain number")
        self.code = code
        self.order = "="

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.order = state[1]


def _strided(
    storage: object, offset: Any, size: Any, stride: Any, dtype: torch.dtype | None = None
) -> torch.Tensor:
    if not isinstance(storage, _Storage):
        raise CheckpointError("it holds a tensor without a storage")
    shape, steps = tuple(size), tuple(stride)
    numbers = (offset, *shape, *steps)
    if len(shape) != len(steps) or not all(type(n) is int and n >= 0 for n in numbers):
        raise CheckpointError("it holds a tensor with an impossible shape")
    dtype = dtype or storage.dtype
    # frombuffer and view need whole elements; a storage cannot hold a fraction of one
    flat = storage.memory[: storage.memory.numel() // dtype.itemsize * dtype.itemsize].view(dtype)
    last = offset + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    if 0 not in shape and (last >= flat.numel() or math.prod(shape) > flat.numel()):
        raise CheckpointError("it holds a tensor that is larger than its data")
    if 0 in shape:
        return torch.empty(shape, dtype=dtype)
    return flat.as_strided(shape, steps, offset)


def _tensor(storage: object, offset: object, size: object, stride: object, *_rest: object) -> torch.Tensor:
    return _strided(storage, offset, size, stride)


def _tensor_v3(
    storage: object,
    offset: object,
    size: object,
    stride: object,
    _grad: object,
    _hooks: object,
    dtype: object,
    *_rest: object,
) -> torch.Tensor:
    if not isinstance(dtype, torch.dtype):
        raise CheckpointError("it holds a tensor of an unknown type")
    return _strided(storage, offset, size, stride, dtype)


def _parameter(data: object, *_rest: object) -> object:
    return data


def _encode(text: object, encoding: object = "latin1", *_rest: object) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise CheckpointError("it holds bytes in an unexpected encoding")
    return text.encode("latin1")


def _scalar(dtype: object, data: object = b"") -> np.generic:
    if not isinstance(dtype, _NumpyType) or not isinstance(data, bytes):
        raise CheckpointError("it holds a numpy value of a type that is not a plain number")
    kind = np.dtype(dtype.code).newbyteorder("=" if dtype.order == "|" else dtype.order)  # type: ignore[arg-type]
    return np.frombuffer(data, dtype=kind, count=1)[0]


def _texts(*args: object) -> str:
    return ":".join(str(a) for a in args if isinstance(a, (str, int)))


_FUNCTIONS: dict[tuple[str, str], Callable[..., object]] = {
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor_v3,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch", "Size"): tuple,
    ("torch", "device"): _texts,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _NumpyType,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
}


class UnsupportedGlobalError(Exception):
    """A file of weights asks for a class or function that is none of ours; the text is its dotted name."""


class _Unpickler(pickle.Unpickler):
    """Unpickler whose every name resolves to something of ours; if `strict`, an unknown one is `UnsupportedGlobalError`."""

    def __init__(
        self, file: BinaryIO, storage: Callable[[tuple[object, ...]], _Storage], *, strict: bool = False
    ) -> None:
        super().__init__(file, encoding="latin1")
        self._storage = storage
        self._strict = strict
        self._inert: dict[tuple[str, str], type[Inert]] = {}

    def find_class(self, module: str, name: str) -> object:
        key = (module, name)
        if key == ("collections", "OrderedDict"):
            # a fresh class each time: a file that changes its attributes changes only its own copy
            return type("OrderedDict", (_Ordered,), {})
        if key in _FUNCTIONS:
            return _Function(_FUNCTIONS[key])
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if module in ("torch", "torch.storage", "torch.cuda") and name in _STORAGE_DTYPES:
            return _StorageType(name)
        if self._strict:
            raise UnsupportedGlobalError(f"{module}.{name}")
        if key not in self._inert:
            self._inert[key] = type("Inert", (Inert,), {"module": module, "name": name, "__slots__": ()})
        return self._inert[key]

    def persistent_load(self, pid: object) -> object:
        if not isinstance(pid, tuple) or len(pid) < 2:
            raise CheckpointError("it refers to data in an unknown way")
        if pid[0] == "module":  # a whole module saved with its source text: its class is inert
            return pid[1]
        if pid[0] != "storage" or len(pid) < 5 or not isinstance(pid[1], _StorageType):
            raise CheckpointError("it refers to data in an unknown way")
        if not isinstance(pid[2], (str, int)) or type(pid[4]) is not int or pid[4] < 0:
            raise CheckpointError("it refers to data of an impossible size")
        return self._storage(pid[1:])


def read_zip(path: Path, archive: zipfile.ZipFile, *, strict: bool) -> object:
    """Read a zip archive written by ``torch.save``.

    Unless `strict`, tensors are views into the file, mapped copy on write: an archive of several gigabytes costs
    memory only for the tensors that are used.

    Parameters
    ----------
    path, archive
        The file, and what `budget.open_zip` made of it.
    strict
        Whether a class that we do not know is refused instead of becoming an `Inert` record.

    Raises
    ------
    FileError
        If it is a zip file of another kind.
    CheckpointError
        With a fragment that says what the file does wrong.
    Costly, Asked
        If it is beyond the budget, or names an unknown class.
    """
    names = {info.filename: info for info in archive.infolist()}
    if any(name.lower().endswith("/constants.pkl") for name in names):
        raise FileError(f"{path.name} is a TorchScript archive, where weights were expected.")
    pickles = [n for n in names if n.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise FileError(f"{path.name} is a zip file, but not a PyTorch checkpoint.")
    root = pickles[0].removesuffix("data.pkl")
    order = names.get(root + "byteorder")
    if order is not None and (order.file_size > 16 or archive.read(order) != b"little"):
        raise CheckpointError("it was written on a big-endian machine")
    if names[pickles[0]].file_size > BUDGET.pickle_bytes:
        raise Costly("holds more settings than can be read")
    mapped = np.memmap(path, dtype=np.uint8, mode="c")
    memory: dict[str, torch.Tensor] = {}

    def storage(pid: tuple[Any, ...]) -> _Storage:
        kind, key, _location, count = pid[:4]
        info = names.get(f"{root}data/{key}")
        size = count * kind.dtype.itemsize
        if info is None or info.file_size < size:
            raise CheckpointError("it refers to data that is not in it")
        if info.filename not in memory:
            content = torch.from_numpy(_content(archive, mapped, info))
            # a file of weights may be written anew while they are in use, such as the state of a training
            memory[info.filename] = content.clone() if strict else content
        return _Storage(memory[info.filename][:size], kind.dtype)

    program = archive.read(pickles[0])
    scan(program)
    return _Unpickler(io.BytesIO(program), storage, strict=strict).load()


def _content(archive: zipfile.ZipFile, mapped: np.ndarray, info: zipfile.ZipInfo) -> np.ndarray:
    if info.compress_type != zipfile.ZIP_STORED:  # somebody packed it again
        return np.frombuffer(bytearray(archive.read(info)), np.uint8)
    start = _data_start(mapped, info)
    return _aligned(mapped[start : start + info.file_size])


def _data_start(mapped: np.ndarray, info: zipfile.ZipInfo) -> int:
    head = bytes(mapped[info.header_offset : info.header_offset + 30])
    if len(head) < 30 or head[:4] != b"PK\x03\x04":
        raise CheckpointError("its table of contents is damaged")
    name, extra = struct.unpack("<HH", head[26:30])
    start = info.header_offset + 30 + name + extra
    if start + info.file_size > mapped.size:
        raise CheckpointError("its table of contents is damaged")
    return start


def _aligned(block: np.ndarray) -> np.ndarray:
    return block if block.ctypes.data % 16 == 0 else block.copy()


def read_legacy(path: Path, *, strict: bool) -> object:
    """Read a file of ``torch.save`` from before PyTorch 1.6: pickles one after the other, then raw data.

    Raises
    ------
    CheckpointError
        With a fragment that says what the file does wrong.
    Costly, Asked
        If it is beyond the budget, or names an unknown class (`strict`).
    """
    memory: dict[object, torch.Tensor] = {}
    item_size: dict[object, int] = {}

    def storage(pid: tuple[Any, ...]) -> _Storage:
        kind, key, _location, count = pid[:4]
        size = count * kind.dtype.itemsize
        if key not in memory:
            if size + sum(held.numel() for held in memory.values()) > limit:
                raise CheckpointError("it refers to data that is not in it")
            memory[key] = torch.zeros(size, dtype=torch.uint8)
            item_size[key] = kind.dtype.itemsize
        view = pid[4] if len(pid) > 4 else None
        if view is None:
            return _Storage(memory[key], kind.dtype)
        _view_key, start, length = view
        begin = start * kind.dtype.itemsize
        return _Storage(memory[key][begin : begin + length * kind.dtype.itemsize], kind.dtype)

    with open_regular(path) as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        limit = len(content)

        def load() -> Any:
            begin = file.tell()
            end = scan(content, begin).end
            program = io.BytesIO(content[begin:end])
            file.seek(end)
            return _Unpickler(program, storage, strict=strict).load()

        if load() != LEGACY_MAGIC:
            raise CheckpointError("it is a pickle, but not one of PyTorch")
        load()  # protocol version
        load()  # sizes of the writer's integers
        result = load()
        for key in load():
            if key not in memory:
                raise CheckpointError("it holds data that nothing refers to")
            (count,) = struct.unpack("<q", file.read(8))
            data = file.read(memory[key].numel())
            if count * item_size[key] != memory[key].numel() or len(data) != memory[key].numel():
                raise CheckpointError("it is incomplete")
            if data:
                memory[key].copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        return result


def plain(value: object) -> JsonObject:
    """Recover the attributes of an `Inert` as a plain dictionary.

    Understands ``argparse.Namespace`` (and any object with a ``__dict__``), omegaconf's ``DictConfig``,
    ``ListConfig`` and value nodes, and subclasses of dict, nested in each other.

    Parameters
    ----------
    value
        An `Inert` or a dictionary.

    Returns
    -------
    dict
        Attribute or key names to numbers, texts, None, lists, dictionaries, tensors. Interpolations of
        omegaconf stay as text. A class or an object without attributes is its dotted name.

    Raises
    ------
    CheckpointError
        If `value` holds no attributes.
    """
    try:
        result = _plain(value, (), count())
    except RecursionError:
        raise CheckpointError("The settings in the checkpoint are nested too deeply.") from None
    if not isinstance(result, dict):
        raise CheckpointError("The checkpoint holds no readable settings.")
    return {str(key): item for key, item in result.items()}


def _plain(value: object, parents: tuple[int, ...], seen: Iterator[int]) -> Any:
    # a value may be shared by so many others that they cannot all be written out
    if next(seen) > _MOST_SETTINGS or len(parents) > BUDGET.depth:
        raise CheckpointError("The checkpoint holds more settings than can be read.")
    if id(value) in parents:
        return None
    inside = (*parents, id(value))
    if isinstance(value, Inert):
        state = value.state
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], dict):
            state = state[0]  # (attributes, slots)
        if isinstance(state, dict):
            if value.module.startswith("omegaconf"):
                holders = [h for h in ("_content", "_val") if h in state]  # containers, value nodes
                return _plain(state[holders[0]], inside, seen) if holders else None
            return _plain(state, inside, seen)
        if value.entries:
            pairs = all(isinstance(e, tuple) and len(e) == 2 for e in value.entries)
            return _plain(dict(value.entries) if pairs else value.entries, inside, seen)
        if len(value.args) == 1 and isinstance(value.args[0], (str, int, float)):
            return value.args[0]  # an enumeration member or a path
        return f"{value.module}.{value.name}"
    if isinstance(value, type) and issubclass(value, Inert):
        return f"{value.module}.{value.name}"
    if isinstance(value, dict):
        return {_plain(k, inside, seen): _plain(v, inside, seen) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v, inside, seen) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value
