"""``pseudolabel measure``: size and shape of all objects of label files, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_pseudolabel.cli.option_types import AsJson, Axes, Classes, PositionOption
from napari_pseudolabel.cli.output import show, table
from napari_pseudolabel.errors import InputError, message_for
from napari_pseudolabel.labels.classes import named_values
from napari_pseudolabel.wording import sentence, some

if TYPE_CHECKING:
    from napari_pseudolabel.labels.measures import Kind, Measures

_SUFFIX = ".csv"
_LISTED = 3
What = Literal["auto", "fibres", "objects"]


def measure(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="Label image, or a folder of them.")],
    output: Annotated[
        Path, typer.Argument(metavar="OUT.csv", help="Table to write; the totals go to OUT.totals.csv.")
    ],
    what: Annotated[
        What,
        typer.Option(
            help="fibres: axons with their myelin, in the columns of AxonDeepSeg; objects: any; auto: fibres where the first file has "
            "axons, myelin and a pixel size."
        ),
    ] = "auto",
    pixel_size: Annotated[
        float | None,
        typer.Option(help="Side of a pixel in micrometres, instead of the one in the files."),
    ] = None,
    classes: Classes = None,
    numbered: Annotated[
        bool | None,
        typer.Option(
            help="Whether every value is an object, and not a class; without it that is found out of files without names of classes."
        ),
    ] = None,
    as_json: AsJson = False,
    axes: Axes = None,
    position: PositionOption = None,
) -> None:
    """Measure every object of labels: area, diameter, perimeter, shape; of fibres g-ratio and myelin; and totals of each file.

    Lengths are in micrometres where the pixel size is known, else in pixels, and fibres need it. What is not labelled counts for nothing.
    """
    from napari_pseudolabel.api import measure as measured_labels
    from napari_pseudolabel.cli.progress import interruptible
    from napari_pseudolabel.exporting.targets import sources
    from napari_pseudolabel.imaging.reading.file_names import is_image, label_files_in
    from napari_pseudolabel.labels.measures.measure_tables import check_tables, save_tables

    if output.suffix.lower() != _SUFFIX:
        raise InputError(f"Measures are a table; end {output.name} with {_SUFFIX}.")
    check_tables(output)
    named = None if classes is None else named_values(classes)
    paths = sources(labels, label_files_in)
    folder = not is_image(labels)
    measured: list[tuple[str, Measures]] = []
    notes: list[str] = []
    failed: list[tuple[Path, str]] = []
    kind: Kind | None = None if what == "auto" else what
    with interruptible() as control:
        stage = control.stage("Measuring", len(paths))
        for path in paths:
            control.check()
            try:
                made = measured_labels(
                    path,
                    named,
                    kind=kind,
                    pixel_size_um=pixel_size,
                    numbered=numbered,
                    axes=axes,
                    position=position,
                )
            except (InputError, MemoryError) as error:
                if not folder:
                    raise
                failed.append((path, message_for(error) or str(error)))
            else:
                kind = made.measures.kind
                measured.append((path.name, made.measures))
                notes += [f"{path.name}: {note}" if folder else note for note in made.notes]
            stage.advance()
    if measured:
        files = save_tables(output, measured, files=folder)
        data = {
            "files": [str(file) for file in files],
            "kind": kind,
            "measured": [
                {
                    "file": name,
                    "objects": one.count,
                    "micrometres": one.spacing is not None,
                    "totals": list(one.totals),
                }
                for name, one in measured
            ],
            "notes": notes,
            "failed": [{"input": str(path), "problem": why} for path, why in failed],
        }
        text = [_summary(measured), f"{files[0]} and {files[1].name} were written.", *map(sentence, notes)]
        show(data, "\n".join(text), as_json=as_json)
    if failed:
        problems = [f"{path.name}: {why.rstrip('.')}" for path, why in failed]
        listed = some(problems, _LISTED, "; ", "; and {} more")
        raise InputError(f"{len(failed)} of {len(paths)} label files could not be measured ({listed}).")


def _summary(measured: Sequence[tuple[str, Measures]]) -> str:
    """Totals for the terminal."""
    from napari_pseudolabel.labels.measures import TOTALS
    from napari_pseudolabel.labels.measures.measure_tables import written

    kind = measured[0][1].kind
    known = all(one.spacing is not None for _, one in measured)
    columns = [one for one in TOTALS[kind] if known or one.unit == ""]
    rows = [
        [name, *(written(line[one.name]) for one in columns)] for name, one in measured for line in one.totals
    ]
    return table(("file", *(one.header(known) for one in columns)), rows)
