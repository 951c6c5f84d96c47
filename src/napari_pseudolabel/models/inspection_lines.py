"""All that is known of a model, as lines for the person: `pseudolabel inspect` and the Models dock show them."""

from __future__ import annotations

from collections.abc import Iterator

from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.models.evaluations import fast_told
from napari_pseudolabel.models.inspection import Inspection


def lines_of(found: Inspection) -> Iterator[str]:
    """Yield what was found out about a file or folder, the path and what it is first."""
    yield f"{found.path}: {found.what}"
    card = found.card
    if card is not None:
        if card.description:
            yield f"  {card.description}"
        yield f"  {card.kind}, {purpose(card)}"
        yield f"  pixel size: {_pixel_sizes(card)}"
        settings = {**card.architecture, **card.schedule}
        if settings:
            yield "  settings: " + ", ".join(f"{name}={value}" for name, value in settings.items())
        for measure in card.quality:
            yield f"  {measure.metric}: {measure.value:.3f} on {measure.data}"
        if card.training.data:
            yield f"  trained on: {', '.join(card.training.data)}"
        if card.parent:
            yield f"  from: {card.parent}"
        if card.licence:
            yield f"  licence: {card.licence}"
        if card.authors:
            yield f"  by: {', '.join(card.authors)}"
        yield from (f"  cite: {one}" for one in card.citation)
        if told := fast_told(card):
            yield f"  fast translation: {told}"
        if (known := card.calibration) is not None:
            behind = known.of(translated=True)
            yield f"  temperature: {known.temperature:g}, behind a translator {behind:g}; fitted on {known.data}"
    if found.parameters is not None:
        yield f"  weights: {found.parameters}"
    if found.sha256 is not None:
        yield f"  sha256: {found.sha256}"
    for title in ("contents", "inferred", "assumed", "missing"):
        if names := getattr(found, title):
            yield f"  {title}: {', '.join(names)}"
    yield from (f"  {warning}" for warning in found.warnings)


def purpose(card: Card) -> str:
    """Say what a model turns into what, or labels in what."""
    if card.kind == "translator":
        return " to ".join(
            modality.name if modality else "unknown" for modality in (card.source, card.target)
        )
    classes = ", ".join(f"{one.name}={one.value}" for one in card.classes) or "unknown classes"
    return f"{card.source.name}: {classes}" if card.source else classes


def _pixel_sizes(card: Card) -> str:
    sides = (card.source, card.target) if card.kind == "translator" else (card.source,)
    return " to ".join(_pixel_size(side) for side in sides)


def _pixel_size(modality: Modality | None) -> str:
    if modality is None or modality.pixel_size_um is None:
        return "unknown"
    return f"{modality.pixel_size_um:g} um"
