"""``pseudolabel scale``: by how much an image has to be magnified for models, and what speaks for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_pseudolabel.cli import option_types as o
from napari_pseudolabel.cli.declared import expanded
from napari_pseudolabel.cli.output import show, table
from napari_pseudolabel.cli.progress import interruptible
from napari_pseudolabel.cli.shared import Shared, shared
from napari_pseudolabel.options import written
from napari_pseudolabel.strategies.label_settings import LabelSettings

if TYPE_CHECKING:
    from napari_pseudolabel.strategies import FoundScale

# What a search does not depend on.
_REST = frozenset({"samples", "flips", "smallest_object", "mode", "evaluations", "scale", "find_scale"})


@shared
@expanded("settings", LabelSettings, _REST)
def scale(
    image: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGE", help="Image (TIFF, OME-TIFF, PNG, JPEG, Zarr, or the address of a Zarr)."
        ),
    ],
    options: Shared,
    settings: LabelSettings,
    segmenter: o.OneSegmenter = None,
    translator: o.OneTranslator = None,
) -> None:
    """Find by how much an image has to be magnified so that its objects have the size that models know.

    Runs that label an image without a pixel size do the same; here you see it without labelling.
    """
    from napari_pseudolabel.cli.working import answer
    from napari_pseudolabel.imaging import ReadOptions
    from napari_pseudolabel.strategies import FindScaleJob

    options.check_device(settings)
    job = FindScaleJob(
        ReadOptions(options.axes, options.position).image(image), translator, segmenter, settings=settings
    )
    with interruptible() as control:
        found: FoundScale = answer(job, control, options.connection)
    data = {"input": str(image), **written(found), "sentence": found.sentence, "notes": list(job.image.notes)}
    show(data, "\n".join([*_lines(found), *job.image.notes]), as_json=options.as_json)


def _lines(found: FoundScale) -> list[str]:
    lines = [found.sentence]
    if found.object_size_px is not None:
        lines.append(f"A typical object would be {found.object_size_px:.3g} pixels of the image wide.")
    texture = {"correlation length": found.by_correlation, "power spectrum": found.by_spectrum}
    told = [f"{value:.3g} times by its {name}" for name, value in texture.items() if value is not None]
    if told:
        lines.append(f"The texture of the image speaks for {' and '.join(told)}.")
    rows = [(f"{one.factor:.3g}", f"{one.agreement:.3f}", f"{one.foreground:.3f}") for one in found.tried]
    return [*lines, *([table(("magnified", "agreement", "foreground"), rows)] if rows else [])]
