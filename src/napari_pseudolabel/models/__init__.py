"""Checkpoints: what they are, what they mean, and how to load them without running anything from them."""

from napari_pseudolabel.models.cards import Card, LabelClass, Measure, Modality, Normalisation, Training
from napari_pseudolabel.models.inspect import inspect, inspect_apart
from napari_pseudolabel.models.inspection import Inspection
from napari_pseudolabel.models.registry import (
    NamedCheckpoint,
    bundled_checkpoints,
    load_segmenter,
    load_translator,
    models_folder,
    named_checkpoints,
    resolve,
)
from napari_pseudolabel.models.sidecar import read_sidecar, sidecar_path, write_sidecar

__all__ = [
    "Card",
    "Inspection",
    "LabelClass",
    "Measure",
    "Modality",
    "NamedCheckpoint",
    "Normalisation",
    "Training",
    "bundled_checkpoints",
    "inspect",
    "inspect_apart",
    "load_segmenter",
    "load_translator",
    "models_folder",
    "named_checkpoints",
    "read_sidecar",
    "resolve",
    "sidecar_path",
    "write_sidecar",
]
