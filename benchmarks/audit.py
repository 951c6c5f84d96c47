"""Do translations invent or lose objects, or move them?

    python benchmarks/audit.py [--data DIR] [--runs DIR] [--only TEXT] [--markdown]

A real image is segmented by a segmenter of its own modality, the translation of it by one of the other modality; both learned from
labels of their own modality. Objects (axons, nuclei, mitochondria) are matched one to one at an IoU of 0.3 or more. *Kept*, *vanished*
and *appeared* are in percent of the objects before; *small*, *middle* and *large* are thirds of the objects by area. *Moved* is the median
distance of the centres of kept objects, *shift* the median displacement of whole images (phase correlation of edges), *drift* the mean step
of the grey level at borders of tiles beyond that half a tile away, in thousandths of the grey range.

What vanishes or appears may be a fault of the translation or of the segmenters. Two controls tell them apart: "invert + match" instead of
the translator, which cannot invent anything; and "two segmenters", the real image segmented by two segmenters of its own modality.

Segmenters: the shipped ones, else those of ``quality.py`` (same --runs and --steps). None has trained on the held-out images
that it is used on; of the others, those of the cross-validation have not either, but those that learned from a whole labelled set have.
RUNS keeps trainings and translations. The JSON keeps pairs that were audited before with the same --steps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import typer
from audit_measures import Objects, compared, counts, drift, shift, tiles_of, told_apart
from numpy.typing import NDArray
from quality_cases import Case, Side
from quality_directions import Direction, directions
from quality_directions import found as file_of
from quality_scores import segmented
from quality_tables import Sheet, about, dump
from quality_training import SETTINGS, Bench, adapter, bound_segmenters, matched, reference, source_segmenter

from napari_pseudolabel.control import Control
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.models.translators.base import Translator

TRANSLATION, INVERSION, TWO = "translation", "invert + match", "two segmenters"

Plane = NDArray[np.float32]
Models = Callable[[Case], Path]


@dataclass(frozen=True, eq=False)
class Way:
    """From the images of one modality to the look of another.

    Attributes
    ----------
    own, other
        Segmenters of the two modalities.
    second
        Another segmenter of the first modality; None if there is none that has not seen the image.
    """

    source: Side
    target: Side
    translator: str
    own: Models
    other: Models
    second: Models | None

    @property
    def name(self) -> str:
        """Such as "SEM -> TEM"."""
        return f"{self.source.name} -> {self.target.name}"


@dataclass(frozen=True, eq=False)
class Finding:
    """One image, one method."""

    image: str
    held_out: bool
    objects: Objects
    shift: float
    drift: float


def ways(bench: Bench, direction: Direction) -> Iterator[Way]:
    """Both translations of a pair, with the segmenters of both sides."""
    one, other = direction.source, direction.target
    cases = other.cases(bench.data)
    by_group = bound_segmenters(bench, other, cases, 0)
    first = source_segmenter(bench, direction, 0)

    def folded(case: Case) -> Path:
        # Images of the other modality are in no group: any fold has not seen them.
        return by_group.get(case.group, next(iter(by_group.values())))

    shipped, shipped_other = file_of(one.segmenter), file_of(other.segmenter)

    def of_one(case: Case) -> Path:
        return shipped or first

    def of_other(case: Case) -> Path:
        return shipped_other or folded(case)

    yield Way(one, other, direction.tutoring, of_one, of_other, (lambda case: first) if shipped else None)
    yield Way(other, one, direction.adapting, of_other, of_one, folded if shipped_other else None)


def audited(bench: Bench, way: Way, limit: int) -> dict[str, list[Finding]]:
    """Findings by method; the translation is missing where there is no translator."""
    scored = [case for case in way.source.cases(bench.data) if case.scored]
    cases = sorted(scored, key=lambda case: not case.held_out)[:limit]
    levels = reference(way.target.recipe.training(bench.data))
    path = file_of(way.translator)
    results: dict[str, list[Finding]] = {}
    made = adapter(bench, path) if path else None
    for case in cases:
        image = case.plane.image
        before = _objects(way.own(case), image)
        looks: dict[str, tuple[Path, Plane]] = {INVERSION: (way.other(case), matched(1 - image, levels))}
        if made is not None:
            looks = {
                TRANSLATION: (way.other(case), made.segmenter_images(image, (0, 0), Control())[0][0])
            } | looks
        if way.second is not None:
            looks[TWO] = (way.second(case), image)
        for method, (model, look) in looks.items():
            results.setdefault(method, []).append(
                _finding(case, before, _objects(model, look), look, made.translator if made else None)
            )
    return results


def _objects(model: Path, look: Plane) -> NDArray[np.int32]:
    segmenter = load_segmenter(model)
    return told_apart(segmented(segmenter, look, look.shape).labels, segmenter.classes)


def _finding(
    case: Case,
    before: NDArray[np.int32],
    after: NDArray[np.int32],
    look: Plane,
    translator: Translator | None,
) -> Finding:
    step = drift(look, tiles_of(translator, look.shape)) if translator else math.nan
    return Finding(
        case.plane.name, case.held_out, compared(before, after), shift(case.plane.image, look), step
    )


def summarised(findings: Sequence[Finding]) -> dict[str, Any]:
    """All images together."""
    drifts = [finding.drift for finding in findings if not math.isnan(finding.drift)]
    return {
        **counts([finding.objects for finding in findings]),
        "shift_px": float(np.median([finding.shift for finding in findings])),
        "drift": float(np.mean(drifts)) if drifts else math.nan,
        "images": len(findings),
    }


def rows_of(results: dict[str, list[Finding]]) -> dict[str, dict[str, Any]]:
    """Summaries by method, of all images and of those that were held out where that is not the same."""
    rows = {}
    for method, findings in results.items():
        unseen = [finding for finding in findings if finding.held_out]
        if len(unseen) < len(findings):
            rows[f"{method}, all images"] = summarised(findings)
        if unseen:
            rows[f"{method}, held out"] = summarised(unseen)
    return rows


def sheet(way: Way, results: dict[str, list[Finding]]) -> Sheet:
    """The table of one translation."""
    heads = ["method", "images", "objects", "kept", "vanished", "small / middle / large"]
    heads += ["appeared", "small / middle / large", "moved px", "shift px", "drift ‰"]
    rows = [[name, *_cells(found)] for name, found in rows_of(results).items()]
    if TRANSLATION not in results:
        rows.insert(0, [TRANSLATION, "not trained", *[""] * 9])
    return Sheet(f"{way.name}: what happens to the objects, in percent", heads, rows)


def flat(found: dict[str, Any]) -> dict[str, float]:
    """A summary as one number per name."""
    every = {"images": found["images"], "objects": found["all"]["before"]}
    for what in ("kept", "vanished", "appeared"):
        every[f"{what} %"] = found["all"][what]
        every |= {f"{what} %, {size}": found[size][what] for size in ("small", "middle", "large")}
    return {**every, "moved px": found["moved_px"], "shift px": found["shift_px"], "drift": found["drift"]}


def _cells(found: dict[str, Any]) -> list[str]:
    every = found["all"]

    def thirds(what: str) -> str:
        return " / ".join(f"{found[size][what]:.1f}" for size in ("small", "middle", "large"))

    return [
        str(found["images"]),
        str(every["before"]),
        f"{every['kept']:.1f}",
        f"{every['vanished']:.1f}",
        thirds("vanished"),
        f"{every['appeared']:.1f}",
        thirds("appeared"),
        f"{found['moved_px']:.2f}",
        f"{found['shift_px']:.2f}",
        f"{1000 * found['drift']:+.2f}",
    ]


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/quality"),
    steps: int = SETTINGS.steps,
    mito_translators: Path = Path("runs/mito"),
    only: str = typer.Option("", help="Audit only pairs whose name holds this text, such as purple."),
    limit: int = typer.Option(1000, help="At most so many images per modality, the held-out ones first."),
    json_path: Path = typer.Option(Path("runs/audit.json"), "--json"),
    markdown: bool = typer.Option(False, "--markdown", help="Print the tables as Markdown."),
) -> None:
    """Print a table per translation and write all as JSON."""
    if not data.is_dir():
        typer.echo(
            f"{data} is missing; give the folder with axon_tem, axon_sem and nuclei by --data.", err=True
        )
        raise typer.Exit(2)
    bench = Bench(data, runs, steps)
    before = json.loads(json_path.read_text()) if json_path.exists() else {}
    pairs: dict[str, Any] = before["pairs"] if before.get("steps") == steps else {}
    done: set[frozenset[str]] = set()
    for direction in directions(mito_translators):
        pair = frozenset((direction.source.name, direction.target.name))
        if only.lower() not in direction.name.lower() or pair in done:
            continue
        done.add(pair)
        for way in ways(bench, direction):
            results = audited(bench, way, limit)
            sheet(way, results).show(markdown=markdown)
            pairs[way.name] = {
                "rows": {name: flat(found) for name, found in rows_of(results).items()},
                "images": {
                    method: {finding.image: flat(summarised([finding])) for finding in findings}
                    for method, findings in results.items()
                },
            }
    dump(json_path, {**about(), "steps": steps, "pairs": pairs})


if __name__ == "__main__":
    typer.run(main)
