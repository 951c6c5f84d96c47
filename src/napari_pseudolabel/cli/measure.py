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
    import numpy as np

    from napari_pseudolabel.cli.label_files import LabelFile
    from napari_pseudolabel.labels.measures import Kind, Measures
    from napari_pseudolabel.models.cards import LabelClass

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
    from napari_pseudolabel.cli.progress import interruptible
    from napari_pseudolabel.cli.targets import sources
    from napari_pseudolabel.imaging.reading.file_names import is_image, label_files_in
    from napari_pseudolabel.labels.measures.measure_tables import save_tables

    if output.suffix.lower() != _SUFFIX:
        raise InputError(f"Measures are a table; end {output.name} with {_SUFFIX}.")
    if pixel_size is not None and not 0 < pixel_size < float("inf"):
        raise InputError(f"A pixel size is above 0 micrometres, not {pixel_size:g}.")
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
                found, told = _measured(path, kind, pixel_size, named, numbered, axes, position)
            except (InputError, MemoryError) as error:
                if not folder:
                    raise
                failed.append((path, message_for(error) or str(error)))
            else:
                kind = found.kind
                measured.append((path.name, found))
                notes += [f"{path.name}: {note}" if folder else note for note in told]
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


def _measured(
    path: Path,
    kind: Kind | None,
    pixel_size: float | None,
    named: dict[str, int] | None,
    numbered: bool | None,
    axes: str | None,
    position: str | None,
) -> tuple[Measures, list[str]]:
    """Measures of a file, and what to know about them."""
    from napari_pseudolabel.api.compare_labels import check_values
    from napari_pseudolabel.cli.label_files import label_file
    from napari_pseudolabel.imaging import Placement
    from napari_pseudolabel.labels.measures import kind_for
    from napari_pseudolabel.labels.measures import measure as measured

    if named is not None:
        check_values(path, named)
    found = label_file(path, axes, position)
    meaning, objects, notes = _meaning(found, named, numbered)
    placement = found.image.placement
    if placement.pixel_sides_um() is None and found.known is not None and found.known.placement:
        placement = Placement.from_dict(found.known.placement)
    spacing = (pixel_size, pixel_size) if pixel_size is not None else placement.pixel_sides_um()
    sure = found.confidence()
    labels = found.labels if objects is None else (found.labels > 0).astype("uint8")
    made = measured(
        labels,
        meaning,
        kind or kind_for(meaning, spacing),
        spacing=spacing,
        labelled=found.labelled,
        confidence=None if sure is None else sure.reshape(labels.shape),
        instances=objects,
    )
    return made, [*found.image.notes, *notes, *made.notes]


def _meaning(
    found: LabelFile, named: dict[str, int] | None, numbered: bool | None
) -> tuple[Sequence[LabelClass], np.ndarray | None, list[str]]:
    """Classes of a file; the numbers of its objects where it holds those instead; and what to know about that."""
    import numpy as np

    from napari_pseudolabel.labels.class_values import are_numbers
    from napari_pseudolabel.labels.classes import is_nameless, nameless
    from napari_pseudolabel.labels.measures import UNNAMED
    from napari_pseudolabel.models.cards import LabelClass

    name = found.image.name
    if named is not None:
        given = tuple(LabelClass(name=one, value=value) for one, value in named.items())
    else:
        told = found.known.classes if found.known else ()
        given = () if all(is_nameless(one) for one in told if one.value) else told
    if numbered or (numbered is None and not given and are_numbers(found.labels)):
        kinds = [one.name for one in given if one.value] or [UNNAMED]
        if len(kinds) > 1:
            raise InputError(f"Numbers of objects are of one class, but {len(kinds)} are named; name one.")
        note = f"The values of {name} were taken for numbers of objects."
        return (LabelClass(name=kinds[0], value=1),), found.labels, [] if numbered else [note]
    if given:
        return given, None, []
    values = [value for value in np.unique(found.labels).tolist() if value]
    if values and max(values) > 255:
        raise InputError(
            f"The values of {name} go up to {max(values)}, which are no classes; give --numbered if they are objects."
        )
    untold = f"Nothing says what the values of {name} mean; name them with --class, such as --class axon=2."
    return nameless(values), None, [untold]


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
