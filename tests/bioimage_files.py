"""A small BioImage.IO package: a description and an ONNX model."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import onnx
from onnx_files import bright

ZERO_MEAN = {"id": "zero_mean_unit_variance", "kwargs": {"axes": ["y", "x"], "eps": 1e-5}}
SIDE = {"min": 32, "step": 16}


def description(content: bytes, **changes) -> dict:
    """What a package of version 0.5 says; of one channel, background and cell."""

    def space(name: str, size: object) -> dict:
        return {"type": "space", "id": name, "size": size, "unit": "micrometer", "scale": 0.2}

    def same(name: str) -> dict:
        return {"tensor_id": "raw", "axis_id": name}

    batch = {"type": "batch"}
    channel = {"type": "channel", "channel_names": ["gray"]}
    classes = {"type": "channel", "channel_names": ["background", "cell"]}
    said = {
        "type": "model",
        "format_version": "0.5.4",
        "name": "Bright cells",
        "description": "Finds what is bright.",
        "license": "MIT",
        "authors": [{"name": "A. Person"}],
        "cite": [{"text": "Person et al.", "doi": "10.1234/5"}],
        "inputs": [
            {
                "id": "raw",
                "axes": [batch, channel, space("y", SIDE), space("x", SIDE)],
                "preprocessing": [ZERO_MEAN],
            }
        ],
        "outputs": [{"id": "mask", "axes": [batch, classes, space("y", same("y")), space("x", same("x"))]}],
        "weights": {"onnx": {"source": "weights.onnx", "sha256": hashlib.sha256(content).hexdigest()}},
    }
    return {**said, **changes}


def package(path: Path, made: onnx.ModelProto | None = None, name: str = "rdf.yaml", **changes) -> Path:
    """Write a package: a zip archive if it is called so, else a folder. JSON is YAML."""
    content = (bright("Softmax") if made is None else made).SerializeToString()
    files = {name: json.dumps(description(content, **changes)).encode(), "weights.onnx": content}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for one, data in files.items():
                archive.writestr(one, data)
        return path
    path.mkdir(parents=True)
    for one, data in files.items():
        (path / one).write_bytes(data)
    return path
