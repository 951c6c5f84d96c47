"""Checkpoints: what they are, what they mean, and how to load them without running anything from them."""

from napari_pseudolabel.models.card_files import read_sidecar, sidecar_path, write_sidecar
from napari_pseudolabel.models.cards import Card, LabelClass, Measure, Modality, Normalisation, Training
from napari_pseudolabel.models.inspect import inspect, inspect_in_process
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
    "inspect_in_process",
    "load_segmenter",
    "load_translator",
    "models_folder",
    "named_checkpoints",
    "read_sidecar",
    "resolve",
    "sidecar_path",
    "write_sidecar",
]
