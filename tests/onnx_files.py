"""Small ONNX models, made node by node, which takes no time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CARD = {"classes": ["background", "cell"], "normalisation": {"kind": "range", "low": 0, "high": 255}}
Shape = Sequence[int | str]


def model(
    nodes: Sequence[onnx.NodeProto],
    tensors: dict[str, np.ndarray],
    shape: Shape = ("N", 1, "H", "W"),
    outputs: Sequence[str] = ("y",),
    dtype: int = TensorProto.FLOAT,
    **more,
) -> onnx.ModelProto:
    """Return a model with the input x."""
    graph = helper.make_graph(
        list(nodes),
        "tests",
        [helper.make_tensor_value_info("x", dtype, list(shape))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, **more)


def bright(end: str = "", shape: Shape = ("N", 1, "H", "W"), last: bool = False) -> onnx.ModelProto:
    """Bright pixels are cells: logits of background and cell, or what `end` makes of them; channels last if so."""
    node = helper.make_node
    axes = {"in": (0, 3, 1, 2), "out": (0, 2, 3, 1)}
    nodes = [node("Transpose", ["x"], ["x1"], perm=axes["in"])] if last else [node("Identity", ["x"], ["x1"])]
    nodes.append(node("Conv", ["x1", "w", "b"], ["logits"]))
    nodes.append(
        node(end, ["logits"], ["ended"], **({"axis": 1} if end == "Softmax" else {}))
    ) if end else None
    ended = "ended" if end else "logits"
    nodes.append(
        node("Transpose", [ended], ["y"], perm=axes["out"]) if last else node("Identity", [ended], ["y"])
    )
    weights = np.array([-20, 20], np.float32).reshape(2, 1, 1, 1)
    return model(nodes, {"w": weights, "b": np.array([10, -10], np.float32)}, shape)


def of_whole_tile(seed: int, classes: int, tile: int, channels: int = 1) -> onnx.ModelProto:
    """Random convolutions around a normalisation over the tile; channels last, one size of tiles, softmax at the end."""
    rng = np.random.default_rng(seed)
    tensors = {
        "w1": rng.normal(0, 0.3, (6, channels, 5, 5)),
        "b1": rng.normal(0, 0.1, 6),
        "scale": np.ones(6),
        "shift": np.zeros(6),
        "w2": rng.normal(0, 0.6, (classes, 6, 3, 3)),
        "b2": rng.normal(0, 0.1, classes),
    }
    node = helper.make_node
    nodes = [
        node("Transpose", ["x"], ["x1"], perm=(0, 3, 1, 2)),
        node("Conv", ["x1", "w1", "b1"], ["x2"], pads=[2] * 4),
        node("InstanceNormalization", ["x2", "scale", "shift"], ["x3"]),
        node("Relu", ["x3"], ["x4"]),
        node("Conv", ["x4", "w2", "b2"], ["x5"], pads=[1] * 4),
        node("Transpose", ["x5"], ["x6"], perm=(0, 2, 3, 1)),
        node("Softmax", ["x6"], ["y"], axis=3),
    ]
    given = {name: array.astype(np.float32) for name, array in tensors.items()}
    return model(nodes, given, ("N", tile, tile, channels))


def saved(made: onnx.ModelProto, path: Path) -> Path:
    """Write a model into one file."""
    path.write_bytes(made.SerializeToString())
    return path
