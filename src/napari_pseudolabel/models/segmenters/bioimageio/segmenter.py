"""A BioImage.IO package as a segmenter: its description says what a card says, another family reads its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.imaging import Need
from napari_pseudolabel.models.card_files import (
    complete,
    named_classes,
    overlay,
    sidecar_path,
    unknown_modalities,
)
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.inspection import Inspection, useful, useless
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.safe_load import sha256
from napari_pseudolabel.models.segmenters.base import LayerPart
from napari_pseudolabel.models.segmenters.bioimageio import state_dict
from napari_pseudolabel.models.segmenters.bioimageio.bioimage_description import (
    PackageDescription,
    read_description,
)
from napari_pseudolabel.models.segmenters.bioimageio.bioimage_package import BioimagePackage
from napari_pseudolabel.models.segmenters.bioimageio.bioimage_steps import InputSteps
from napari_pseudolabel.models.segmenters.monai_bundle.bundle_networks import missing_monai
from napari_pseudolabel.models.segmenters.onnx import segmenter as onnx
from napari_pseudolabel.models.segmenters.onnx.onnx_session import missing_library
from napari_pseudolabel.models.segmenters.program import ProgramSegmenter
from napari_pseudolabel.models.segmenters.torchscript import segmenter as torchscript
from napari_pseudolabel.types import JsonObject

FAMILY = "bioimageio"

_PROGRAMS = {"onnx": onnx.load, "torchscript": torchscript.load}
_STATE = "pytorch_state_dict"
_KINDS = (*_PROGRAMS, _STATE)
"""Formats of weights that are read, the better one first."""

OURS_FIELDS = ("source", "classes", "training", "quality", "calibration", "parent", "citation")
"""What the description has no place for, where a package was made here."""


@dataclass(frozen=True, eq=False)
class BioimageSegmenter(ProgramSegmenter):
    """A network whose images are prepared as its description says; see `Segmenter`.

    Attributes
    ----------
    steps
        What is done to raw values.
    """

    steps: InputSteps

    @property
    @override
    def need(self) -> Need:
        return self.steps.need

    @override
    def prepared(self, raw: NDArray[np.float32], part: LayerPart | None) -> NDArray[np.float32]:
        return self.steps.prepared(raw, part.whole if part is not None else None)


def declines(offer: Offer) -> str:
    """Why it is no package."""
    return "" if BioimagePackage(offer.path).description_name else "no BioImage.IO package"


def describes(offer: Offer) -> Inspection | None:
    """Describe a package by its description; nothing of it runs."""
    if declines(offer):
        return None
    package, what = BioimagePackage(offer.path), "BioImage.IO segmenter"
    said = read_description(package.description, offer.path.name)
    card, problem = _card(offer, said)
    try:
        kind = _weights(package, said)
    except CheckpointError as error:
        problem = str(error)
    else:
        problem = problem or _missing(offer.path.name, kind, said)
    if problem:
        return useless(offer.path, what, problem, missing=card.missing, card=card)
    return useful(offer.path, what, card)


def loads(offer: Offer) -> BioimageSegmenter:
    """Load a package with weights of the format ONNX or TorchScript, or of a network that is known here.

    Raises
    ------
    CheckpointError
        If it has none, its description asks for what is not done here, or does not fit the weights.
    """
    package = BioimagePackage(offer.path)
    said = read_description(package.description, offer.path.name)
    card, problem = _card(offer, said)
    if problem:
        raise CheckpointError(problem)
    kind = _weights(package, said)
    source = str(said.weights[kind]["source"])
    package.check(source, said.weights[kind].get("sha256"))
    path, folder = package.unpacked(source)
    given: JsonObject = {
        "classes": [one.model_dump() for one in card.classes],
        "normalisation": card.normalisation.model_dump(),
        "architecture": {"layout": said.layout, **_told_output(said), **offer.given.get("architecture", {})},
    }
    guessed = {"in_channels": said.channels, "tile": said.tile, "stride": said.stride, **_told_tiles(said)}
    found: ProgramSegmenter = (
        state_dict.load(
            path, given, guessed, state_dict.architecture_told(said.weights[kind], package.path.name)
        )
        if kind == _STATE
        else _PROGRAMS[kind](path, given, guessed)
    )
    # What was unpacked stays for as long as the network may read it.
    found.network.unpacked = folder  # type: ignore[assignment]
    full = card.model_copy(update={"architecture": found.card.architecture, "classes": found.card.classes})
    return BioimageSegmenter(full, sha256(offer.path), found.network, said.steps)


def _weights(package: BioimagePackage, said: PackageDescription) -> str:
    """Return the format that is taken.

    Raises
    ------
    CheckpointError
        If there is none that can be read.
    """
    name = package.path.name
    for kind in _KINDS:
        source = said.weights.get(kind, {}).get("source")
        if source is None:
            continue
        if not package.has(str(source)):
            raise CheckpointError(
                f"The weights of {name} are not in it ({str(source)[:80]}); download the package with everything in it."
            )
        if kind == _STATE:
            state_dict.architecture_told(said.weights[kind], name)
        return kind
    there = ", ".join(said.weights) or "none"
    raise CheckpointError(
        f"{name} has no weights that are read here ({there}); ONNX, TorchScript and state dicts are. Export it to ONNX, or choose a "
        "package that has them."
    )


def _missing(name: str, kind: str, said: PackageDescription) -> str:
    """Say that a library is not installed that these weights need; empty if all are."""
    if kind == "onnx":
        return missing_library(f"{name} holds an ONNX model and")
    return (
        missing_monai(state_dict.architecture_told(said.weights[kind], name).network)
        if kind == _STATE
        else ""
    )


def _told_output(said: PackageDescription) -> JsonObject:
    told = {"output": said.output, "threshold": said.threshold}
    return {name: value for name, value in told.items() if value is not None}


def _told_tiles(said: PackageDescription) -> JsonObject:
    return {name: value for name in ("tile", "overlap") if isinstance(value := said.ours.get(name), int)}


def _card(offer: Offer, said: PackageDescription) -> tuple[Card, str]:
    """Return what the description and a card beside the package say, and what they do not."""
    path = offer.path
    known: JsonObject = {
        "name": said.name,
        "description": said.text,
        "licence": said.licence,
        "authors": said.authors,
        "citation": said.citation,
        "normalisation": said.steps.normalisation.model_dump(),
        "architecture": _told_output(said),
    }
    if said.pixel_size_um:
        known["source"] = {"name": "", "pixel_size_um": said.pixel_size_um}
    if said.classes:
        known["classes"] = named_classes(said.classes)
    about = said.ours.get("card")
    if isinstance(about, Mapping):
        overlay(known, {name: about[name] for name in OURS_FIELDS if name in about})
    if "normalisation" in offer.given:
        raise CheckpointError(
            f"The card of {path.name} says a normalisation, but its package says how images are prepared; leave it out of the card."
        )
    overlay(known, offer.given)
    note = f"Images are prepared as the package says: {', '.join(said.steps.words) or 'not at all'}."
    card = complete(
        known,
        path,
        kind="segmenter",
        family=FAMILY,
        missing=(*(() if "classes" in known else ("classes",)), *unknown_modalities(known, ("source",))),
        notes=(note,),
    )
    if "classes" in known:
        return card, ""
    return card, (
        f"{path.name} does not say what the channels of its answer are; write classes into {sidecar_path(path).name} beside it."
    )
