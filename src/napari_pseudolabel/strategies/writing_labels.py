"""Write what a job made of an image, with its provenance, and count what is in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_pseudolabel.exporting import export, export_image, read_sidecar
from napari_pseudolabel.exporting.targets import check_files_stay
from napari_pseudolabel.formats import Format
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.labels.objects import census, census_text
from napari_pseudolabel.strategies.description import PseudoLabel
from napari_pseudolabel.types import JsonObject


def write_result(
    found: PseudoLabel, image: Image, target: Path, format: str | Format | None = None, *, confidence: bool
) -> JsonObject:
    """Write labels, or a translation, atomically; return what is to be told of them, provenance included.

    Parameters
    ----------
    found
        Of all planes of the image.
    confidence
        Whether it is written beside the labels.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    check_files_stay(image, target, confidence=confidence)
    provenance = found.report.provenance()
    placement = image.placement
    if told := found.report.settings.scale.pixel_size_um:
        placement = placement.with_pixel_size_um(told)
    common: JsonObject = {"format": format, "placement": placement, "provenance": provenance}
    result: JsonObject = {"input": image.path, "output": str(target)}
    if found.labels is None:
        assert found.translation is not None
        files = export_image(target, found.translation.reshape(image.shape), **common)
    else:
        assert found.confidence is not None
        predicted = np.isfinite(found.confidence)
        files = export(
            target,
            found.labels.reshape(image.shape),
            classes=found.classes,
            confidence=found.confidence.reshape(image.shape) if confidence else None,
            labelled=predicted.reshape(image.shape),
            source=image,
            **common,
        )
        counted, sure = found.labels[predicted], found.confidence[predicted]
        some = bool(predicted.any())
        # Where nothing is labelled there are shares of nothing.
        result["shares"] = {one.name: float(np.mean(counted == one.value)) for one in found.classes if some}
        counts = census(found.labels, found.classes, aspect=placement.pixel_aspect)
        result["objects"] = {one.name: one.number for one in counts}
        result["objects_in_words"] = census_text(counts)
        result["mean_confidence"] = float(sure.mean()) if some else None
    notes = [*provenance.get("notes", ()), *read_sidecar(files[0]).export_notes]
    return {**result, "files": [str(file) for file in files], **provenance, "notes": notes}
