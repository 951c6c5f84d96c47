"""What an ONNX file says about itself: its graph, read as data and never computed. Light, and without onnxruntime."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from napari_pseudolabel.budget import check_regular, in_words, open_regular
from napari_pseudolabel.errors import CheckpointError, FileError
from napari_pseudolabel.models.segmenters.onnx.onnx_operators import OPERATORS, OWN_DOMAINS
from napari_pseudolabel.models.segmenters.onnx.wire import (
    BrokenMessage,
    MessageReader,
    integers,
    messages,
    text,
)
from napari_pseudolabel.wording import sentence, some

_FILE_BYTES = 2**31  # what protobuf can hold
_FIELDS = 2_000_000
_NODES = 50_000
_DEPTH = 8
_LISTED = 4
# Of the messages of ONNX (onnx.proto): the numbers of the fields that are read.
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODES, _GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_SPARSE = 1, 5, 11, 12, 15
_FUNCTION_NAME, _FUNCTION_NODES, _FUNCTION_DOMAIN = 1, 7, 10
_NODE_INPUTS, _NODE_OUTPUTS, _NODE_OPERATOR, _NODE_ATTRIBUTES, _NODE_DOMAIN = 1, 2, 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_TENSOR_SIZES, _TENSOR_NAME, _TENSOR_ELSEWHERE, _TENSOR_PLACE = 1, 8, 13, 14
_KEY, _VALUE = 1, 2
_DTYPES = {1: "float32", 10: "float16", 11: "float64", 16: "bfloat16"}
_OTHER_DTYPES = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool"}

Size = int | str | None
"""Of an axis: pixels, the name of what may have any size, or None."""


@dataclass(frozen=True)
class Port:
    """An input or output of a graph.

    Attributes
    ----------
    dtype
        As NumPy calls it.
    sizes
        Of its axes; empty if it does not say.
    """

    name: str
    dtype: str
    sizes: tuple[Size, ...]


@dataclass(frozen=True)
class OnnxGraph:
    """What a file holds.

    Attributes
    ----------
    inputs, outputs
        Without those that have their values in the file.
    last
        The operator that computes each output, without what only hands values on.
    weights
        Numbers in the file and beside it.
    beside
        Files in the same folder that hold weights.
    sha256
        Of the file, and of those beside it.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    last: tuple[str, ...]
    weights: int
    beside: tuple[Path, ...]
    sha256: str


def read_graph(path: Path) -> tuple[OnnxGraph, bytes]:
    """Read an ONNX file.

    Returns
    -------
    graph, content
        What it says, and the bytes of the file that say it.

    Raises
    ------
    CheckpointError
        If it is damaged or too large, names an operator that is not on the list, or keeps weights elsewhere than in
        its folder.
    """
    with open_regular(path, _FILE_BYTES) as file:
        content = file.read()
    reading = _Reading(path)
    try:
        graph = reading.model(memoryview(content))
    except BrokenMessage as error:
        raise CheckpointError(f"{path.name} {error}; copy or download it again.") from None
    beside = reading.files()
    return OnnxGraph(
        path.name,
        *graph,
        weights=reading.weights,
        beside=beside,
        sha256=_sha256(content, beside),
    ), content


def beside(path: Path) -> tuple[Path, ...]:
    """Return the files that a model needs besides its own; none if it cannot be read."""
    try:
        return read_graph(path)[0].beside
    except (CheckpointError, OSError):
        return ()


def _sha256(content: bytes, beside: Iterable[Path]) -> str:
    own = hashlib.sha256(content)
    for path in beside:
        with open_regular(path) as file:
            own.update(f"\0{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
    return own.hexdigest()


class _Reading:
    """Goes through a file once, and adds up what it finds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = MessageReader(_FIELDS)
        self._nodes = 0
        self._functions: set[tuple[str, str]] = set()
        self._unknown: set[str] = set()
        self._elsewhere: dict[str, None] = {}
        self.weights = 0

    def model(self, content: memoryview) -> tuple[tuple[Port, ...], tuple[Port, ...], tuple[str, ...]]:
        """Read the whole; inputs, outputs and the last operators."""
        model = self._reader.all_of(content)
        graphs = messages(model.get(_MODEL_GRAPH))
        if len(graphs) != 1:
            raise CheckpointError(f"{self._path.name} is no ONNX model; choose a file that ends in .onnx.")
        functions = [self._reader.all_of(one) for one in messages(model.get(_MODEL_FUNCTIONS))]
        self._functions = {
            (text(one.get(_FUNCTION_DOMAIN)), text(one.get(_FUNCTION_NAME))) for one in functions
        }
        for one in functions:
            self._read_nodes(messages(one.get(_FUNCTION_NODES)), 1)
        found = self._graph(graphs[0], 1)
        if self._unknown:
            named = some(sorted(self._unknown), _LISTED)
            raise CheckpointError(
                f"{self._path.name} needs operators that are not allowed here ({named}); it was not loaded. Export the "
                "network with the standard operators of ONNX."
            )
        return found

    def files(self) -> tuple[Path, ...]:
        """Return the files with weights beside the model, all of them in its folder."""
        found = []
        for place in self._elsewhere:
            plain = PurePosixPath(place).name == place == PureWindowsPath(place).name
            file = self._path.absolute().parent / place
            if not plain or place in ("", ".", "..") or file.is_symlink():
                raise CheckpointError(
                    f"{self._path.name} keeps weights outside of its folder, in {sentence(place)[:80]!r}; it was not "
                    "loaded. Save the model with everything in one file."
                )
            try:
                check_regular(file)
            except (OSError, FileError):
                raise CheckpointError(
                    f"{self._path.name} keeps weights in {sentence(place)[:80]}, which is not beside it; copy both."
                ) from None
            found.append(file)
        return tuple(found)

    def _graph(
        self, message: memoryview, depth: int
    ) -> tuple[tuple[Port, ...], tuple[Port, ...], tuple[str, ...]]:
        if depth > _DEPTH:
            raise BrokenMessage("has graphs inside of graphs without an end")
        graph = self._reader.all_of(message)
        if graph.get(_GRAPH_SPARSE):
            raise BrokenMessage("has sparse weights, which are not read")
        given = {self._tensor(one) for one in messages(graph.get(_GRAPH_TENSORS))}
        made = self._read_nodes(messages(graph.get(_GRAPH_NODES)), depth)
        inputs = (self._port(one) for one in messages(graph.get(_GRAPH_INPUTS)))
        outputs = tuple(self._port(one) for one in messages(graph.get(_GRAPH_OUTPUTS)))
        last = tuple(_last(one.name, made) for one in outputs)
        return tuple(one for one in inputs if one.name not in given), outputs, last

    def _read_nodes(self, nodes: list[memoryview], depth: int) -> dict[str, tuple[str, str]]:
        """Check nodes; by the name of what each makes, the operator and its first input."""
        self._nodes += len(nodes)
        if self._nodes > _NODES:
            raise BrokenMessage(f"has more than {_NODES:,} operators")
        made: dict[str, tuple[str, str]] = {}
        for message in nodes:
            node = self._reader.all_of(message)
            operator, domain = text(node.get(_NODE_OPERATOR)), text(node.get(_NODE_DOMAIN))
            own = domain in OWN_DOMAINS and operator in OPERATORS
            if not own and (domain, operator) not in self._functions:
                self._unknown.add(sentence(f"{domain}.{operator}" if domain else operator)[:60])
            first = text(node.get(_NODE_INPUTS, [])[:1])
            for output in node.get(_NODE_OUTPUTS, ()):
                made[text([output])] = operator, first
            for attribute in messages(node.get(_NODE_ATTRIBUTES)):
                self._attribute(attribute, depth)
        return made

    def _attribute(self, message: memoryview, depth: int) -> None:
        for number, value in self._reader.fields(message):
            if isinstance(value, int):
                continue
            if number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                self._tensor(value)
            elif number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                self._graph(value, depth + 1)

    def _tensor(self, message: memoryview) -> str:
        tensor = self._reader.all_of(message)
        sizes = integers(tensor.get(_TENSOR_SIZES, []))
        self.weights += math.prod(sizes)
        if self.weights > _FILE_BYTES * 8:
            raise BrokenMessage(f"describes weights of more than {in_words(_FILE_BYTES * 8)}")
        if integers(tensor.get(_TENSOR_PLACE, [])) not in ([], [0]):
            entries = [self._reader.all_of(one) for one in messages(tensor.get(_TENSOR_ELSEWHERE))]
            place = {text(one.get(_KEY)): text(one.get(_VALUE)) for one in entries}
            self._elsewhere[place.get("location", "")] = None
        return text(tensor.get(_TENSOR_NAME))

    def _port(self, message: memoryview) -> Port:
        port = self._reader.all_of(message)
        (kind,) = messages(port.get(2)) or (memoryview(b""),)
        (tensor,) = messages(self._reader.all_of(kind).get(1)) or (memoryview(b""),)
        said = self._reader.all_of(tensor)
        (number,) = integers(said.get(1, []))[-1:] or (0,)
        (shape,) = messages(said.get(2)) or (memoryview(b""),)
        axes = [self._reader.all_of(one) for one in messages(self._reader.all_of(shape).get(1))]
        dtype = _DTYPES.get(number) or _OTHER_DTYPES.get(number, "no numbers")
        return Port(text(port.get(1)), dtype, tuple(_size(one) for one in axes))


def _size(axis: dict[int, list[int | memoryview]]) -> Size:
    if value := integers(axis.get(1, [])):
        return value[-1] if 0 < value[-1] < 2**31 else None
    return text(axis.get(2)) or None


# What does not change the meaning of the values it is given.
_HAND_ON = (
    "Identity",
    "Cast",
    "Transpose",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Slice",
    "Resize",
    "Upsample",
    "Clip",
)


def _last(output: str, made: dict[str, tuple[str, str]]) -> str:
    for _ in range(len(made)):
        operator, first = made.get(output, ("", ""))
        if operator not in _HAND_ON:
            return operator
        output = first
    return ""
