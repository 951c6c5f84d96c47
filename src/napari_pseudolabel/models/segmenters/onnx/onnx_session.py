"""Compute a graph with onnxruntime: first in a process of its own, then here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.inspection_process import Limits, call_in_process
from napari_pseudolabel.models.segmenters.onnx.onnx_graph import OnnxGraph, read_graph
from napari_pseudolabel.models.segmenters.torchscript.examining import (
    Examined,
    Feed,
    answers_to,
    same_answers,
)
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import sentence

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_ERRORS_ONLY = 3  # how much onnxruntime prints
_SECONDS_PER_MEGAPIXEL = 60.0
_BYTES_PER_PIXEL = 4096
# By the operators that end a graph, as programs of PyTorch call them.
_ENDS = {
    "Sigmoid": "sigmoid", "Conv": "conv2d", "ConvTranspose": "conv_transpose2d", "Gemm": "linear", "MatMul": "linear",
    "BatchNormalization": "batch_norm", "InstanceNormalization": "instance_norm", "GroupNormalization": "group_norm",
    "LogSoftmax": "log_softmax",
}  # fmt: skip


def missing_library(name: str) -> str:
    """Say that onnxruntime is not installed; empty if it is."""
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        pass
    else:
        return ""
    return f'{name} is an ONNX model, which needs another library: pip install "napari-pseudolabel[onnx]".'


class OnnxNetwork(nn.Module):
    """A graph as a network of PyTorch: one image in the axes of the graph, to a tensor, or to several by name.

    Parameters
    ----------
    path
        Of the file; weights beside it are read from its folder.
    graph, content
        Of `read_graph`.

    Raises
    ------
    CheckpointError
        If onnxruntime is not installed, or does not take the graph.
    """

    def __init__(self, path: Path, graph: OnnxGraph, content: bytes) -> None:
        super().__init__()
        if problem := missing_library(graph.name):
            raise CheckpointError(problem)
        self._path, self._graph, self._content = path, graph, content
        self._sessions: dict[str, InferenceSession] = {}
        self._session("cpu")

    @override
    def forward(self, image: Tensor) -> Tensor | dict[str, Tensor]:
        """Compute the graph; raises RuntimeError as networks of PyTorch do."""
        session = self._session(image.device.type)
        try:
            found = session.run(None, {self._graph.inputs[0].name: image.contiguous().cpu().numpy()})
        except Exception as error:  # of a kind for each fault, without a base of their own
            if "alloc" in str(error).lower():
                raise MemoryError(str(error)) from None
            raise RuntimeError(str(error)) from None
        tensors = [torch.from_numpy(one).to(image.device) for one in found]
        if len(tensors) == 1:
            return tensors[0]
        return {port.name: tensor for port, tensor in zip(self._graph.outputs, tensors, strict=True)}

    def _session(self, device: str) -> InferenceSession:
        import onnxruntime

        there = onnxruntime.get_available_providers()
        device = device if device == "cuda" and "CUDAExecutionProvider" in there else "cpu"
        if device in self._sessions:
            return self._sessions[device]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        # As torch has it, which goes by what other programs leave; a thread that waits must not compute.
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(self._path.absolute().parent)
        )
        providers = [*(["CUDAExecutionProvider"] if device == "cuda" else []), "CPUExecutionProvider"]
        try:
            made = onnxruntime.InferenceSession(self._content, options, providers=providers)
        except Exception as error:  # of a kind for each fault, without a base of their own
            told = sentence(str(error).split("\n")[0])[:160]
            raise CheckpointError(
                f"{self._graph.name} cannot be used by onnxruntime {onnxruntime.__version__} ({told}); export it for "
                "an older version of ONNX, or install a newer onnxruntime."
            ) from None
        self._sessions[device] = made
        return made


def examine(path: Path, *, channels: int, side: int, layout: str | None, dtype: str) -> Examined:
    """Open a file and call its network twice, in a process of its own.

    Parameters
    ----------
    channels, side
        Of the test image, in pixels.
    layout
        ``channels_first`` or ``channels_last``; None tries.
    dtype
        Of the input.

    Raises
    ------
    CheckpointError
        If it is refused, damaged, or takes more memory or time than a network does.
    """
    usual = Limits.of(path)
    limits = Limits(
        usual.memory_bytes + side * side * _BYTES_PER_PIXEL,
        usual.cpu_s + side * side / 1e6 * _SECONDS_PER_MEGAPIXEL,
        usual.wall_s,
    )
    arguments = (str(path.absolute()), channels, side, layout, dtype)
    return Examined.model_validate(
        call_in_process(f"{__name__}:examined", *arguments, name=path.name, limits=limits)
    )


def examined(path: str, channels: int, side: int, layout: str | None, dtype: str) -> JsonObject:
    """Run in the other process; see `examine`."""
    torch.set_num_threads(1)
    graph, content = read_graph(Path(path))
    network = OnnxNetwork(Path(path), graph, content)
    result = Examined(sha256=graph.sha256)
    ramp = torch.linspace(0, 1, side * side).reshape(1, 1, side, side).repeat(1, channels, 1, 1)
    for feed in _feeds(layout, dtype):
        try:
            with torch.inference_mode():
                answer, again = (feed.call(network, ramp) for _ in range(2))
        except MemoryError:
            raise
        except RuntimeError:
            continue
        last = [_ENDS.get(one, one.lower()) for one in graph.last]
        found = {
            "feed": feed,
            "answers": answers_to(feed, answer, last),
            "steady": same_answers(feed, answer, again),
        }
        return result.model_copy(update=found).model_dump(mode="json")
    return result.model_dump(mode="json")


def _feeds(layout: str | None, dtype: Any) -> list[Feed]:
    # One image at a time: a graph may know no other, and need not treat several as it treats one.
    layouts = (layout == "channels_last",) if layout else (False, True)
    return [Feed(dtype=dtype, channels_last=one, one_by_one=True) for one in layouts]
