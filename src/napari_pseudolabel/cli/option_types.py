"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_pseudolabel.formats import all_suffixes

Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="Image (TIFF, PNG, JPEG, Zarr, CZI, ND2, LIF), a folder of images, or the address of a Zarr (https, s3, gs).",
    ),
]
Output = Annotated[
    Path,
    typer.Argument(
        metavar="OUTPUT",
        help=f"File to write ({all_suffixes()}); a folder if INPUT is one, or holds several images.",
    ),
]
TranslatorRef = Annotated[
    str,
    typer.Option(
        "--translator", metavar="REF", help="Name (see `pseudolabel models`) or path of a translator."
    ),
]
SegmenterRef = Annotated[
    str,
    typer.Option(
        "--segmenter", metavar="REF", help="Name (see `pseudolabel models`) or path of a segmenter."
    ),
]
OneTranslator = Annotated[
    str | None,
    typer.Option(
        metavar="REF",
        help="Name (see `pseudolabel models`) or path of a translator, where the strategy takes one.",
    ),
]
OneSegmenter = Annotated[
    str | None,
    typer.Option(
        metavar="REF",
        help="Name (see `pseudolabel models`) or path of a segmenter, where the strategy takes one.",
    ),
]
SecondOpinions = Annotated[
    list[str] | None,
    typer.Option(
        "--second-opinion",
        metavar="REF",
        help="Another segmenter with the same classes, to be averaged with the first; repeat it.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same result.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Axes = Annotated[
    str | None,
    typer.Option(
        help="Axes of the file, such as TYX or CYX; they go before what the file says and all guesses."
    ),
]
PositionOption = Annotated[
    str | None,
    typer.Option(
        "--position",
        "--scene",
        metavar="TEXT",
        help="Which of several images in a file, such as stage positions: a number from 0, or a name; where results go into a "
        "folder, also several by a pattern, such as 'A/*'.",
    ),
]
ModalityOption = Annotated[
    str | None,
    typer.Option(
        help="What the images show, such as SEM, as the models name it (see `pseudolabel models`): models for other "
        "images are refused. Without it the images are taken to fit, which the notes say."
    ),
]
WithConfidence = Annotated[
    bool,
    typer.Option("--confidence", help="Write the confidence beside the labels, NAME.confidence.ome.tif."),
]
WorkDir = Annotated[
    Path | None,
    typer.Option(
        help="Gets what a strategy translates and trains before it labels; the same command goes on there."
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Work on the workers of a Dask scheduler, such as tcp://192.168.0.7:8786, instead of here.",
    ),
]
TlsCaFile = Annotated[
    Path | None, typer.Option(help="Certificate authority of a scheduler that asks for TLS (PEM).")
]
TlsCert = Annotated[Path | None, typer.Option(help="Certificate for it (PEM).")]
TlsKey = Annotated[Path | None, typer.Option(help="Key of the certificate (PEM).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Classes = Annotated[
    list[str] | None,
    typer.Option("--class", metavar="NAME=ID", help="A class and its label value; repeat it."),
]
