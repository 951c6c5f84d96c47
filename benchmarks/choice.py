"""Does the plugin choose the best way to labels? Regret of *find the best* on one view of every image.

    python benchmarks/choice.py [--data DIR] [--runs DIR] [--only TEXT] [--json FILE] [--markdown]

On the middle of every image, as `FindWayJob` looks at it, every way makes draft labels, which the choice sees, and the labels of a usual
run, which are compared with the truth. No way has learned from labels of the images' own modality.

regret    mean Dice (over classes) of the best way less that of the chosen one, in Dice; mean and largest over the images
rho       rank correlation of the agreement with the true Dice over the ways of an image, mean over the images
unusable  images whose chosen labels have a mean Dice below .5
seconds   CPU seconds of a choice, one thread, median

"chosen on": images that took part in the choice of the rule (agreement, with consensus as a check, instead of their product: all
axons); the others took part in nothing. Rivals in the same table, by their regret: always the way that is proposed from the cards of
the shipped models, and chance (mean over all ways). What was measured is kept in RUNS, so a second call only does what is missing.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
import typer
from choice_directions import DIRECTIONS, Carried, View
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from napari_pseudolabel.control import Control
from napari_pseudolabel.labels.confidence import mean_dice
from napari_pseudolabel.models import named_checkpoints
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.proposals import Candidate, propose
from napari_pseudolabel.models.registry import card_of
from napari_pseudolabel.strategies.choice.find_way import FindWayJob
from napari_pseudolabel.strategies.choice.found_way import fitting
from napari_pseudolabel.strategies.choice.judging import pooled_dice
from napari_pseudolabel.strategies.choice.ways import LabelWay, ways
from napari_pseudolabel.strategies.strategy import LabelRequest

UNUSABLE = 0.5


@dataclass(frozen=True)
class MeasuredWay:
    """A way on one view; agreement and consensus as of `TriedWay`, Dice (mean over classes) of draft and usual labels with the truth."""

    way: str
    group: str
    translator: str | None
    segmenter: str
    agreement: float
    consensus: float | None
    doubted: bool
    cost: float
    draft: float
    dice: float


@dataclass(frozen=True)
class MeasuredView:
    """A view, all ways on it, and pairs of ways with the Dice of what they say."""

    direction: str
    view: str
    chosen_on: bool
    best: int
    ties: tuple[int, ...]
    ways: tuple[MeasuredWay, ...]
    pairs: tuple[tuple[int, int, float], ...]
    seconds: float


def measure(
    direction: Carried, view: View, possible: Sequence[LabelWay], models: LoadedModels
) -> MeasuredView:
    """Choose, and compare every way with the truth."""
    control = Control()
    began = time.process_time()
    job = FindWayJob((view.image,), tuple(possible), view.settings)
    found = job.run(control, models)
    seconds = time.process_time() - began
    place = found.places[0]
    truth = view.truth[place.region.window]
    measured = []
    kept = [one for one in found.tried if one.scores is not None]
    for one in kept:
        assert one.scores is not None
        asked = LabelRequest(
            settings=view.settings,
            region=place.region,
            planes=(place.plane,),
            found=fitting(place.found, one.way),
        )
        draft = mean_dice(one.labels[0], truth)
        dice = draft
        if one.way.group == "translated":  # all others make the same labels in a draft
            made = one.way.job(view.image, asked).run(control, models)
            assert made.labels is not None
            dice = mean_dice(made.labels[0], truth)
        measured.append(
            MeasuredWay(
                one.way.title,
                one.way.group,
                one.way.translator,
                one.way.segmenter,
                one.scores.agreement,
                one.scores.consensus,
                bool(one.reasons),
                one.cost,
                draft,
                dice,
            )
        )
    numbers = [found.tried.index(one) for one in kept]
    pairs = tuple(
        (a, b, pooled_dice(kept[a].labels, kept[b].labels)) for a, b in combinations(range(len(kept)), 2)
    )
    return MeasuredView(
        direction.name,
        view.name,
        view.chosen,
        numbers.index(found.best),
        tuple(numbers.index(one) for one in found.ties),
        tuple(measured),
        pairs,
        seconds,
    )


def views(direction: Carried, data: Path, runs: Path) -> list[MeasuredView]:
    """All views of a direction, as far as they were not measured before."""
    models = LoadedModels()
    known = [
        Candidate(one.name, one.card)
        for one in named_checkpoints()
        if one.card is not None and one.name.startswith("sample:") and one.name not in direction.without
    ]
    if direction.trained is not None:
        known = [Candidate(ref, card_of(ref)) for ref in direction.trained(data, runs)]
    possible = ways(direction.modality, known, objects=direction.objects)
    folder = runs / direction.name.replace(" -> ", "-to-").replace(": ", "-").replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for view in direction.views(data):
        path = folder / f"{view.name}.json"
        if not path.exists():
            path.write_text(json.dumps(asdict(measure(direction, view, possible, models))), encoding="utf-8")
            typer.echo(f"{direction.name}: {view.name}", err=True)
        read = json.loads(path.read_text(encoding="utf-8"))
        of_ways = tuple(MeasuredWay(**one) for one in read.pop("ways"))
        found.append(MeasuredView(**{**read, "ways": of_ways}))
    return found


def rows(direction: Carried, found: Sequence[MeasuredView]) -> list[list[str]]:
    """Rows of the table: images that constants were looked at with, and the others."""
    made = []
    for name, part in (
        ("chosen on", [one for one in found if one.chosen_on]),
        ("others", [one for one in found if not one.chosen_on]),
    ):
        if not part:
            continue
        regrets = np.array([max(way.dice for way in one.ways) - one.ways[one.best].dice for one in part])
        made.append(
            [
                direction.name,
                name,
                str(len(part)),
                str(len(part[0].ways)),
                f"{np.mean([one.ways[one.best].dice for one in part]):.3f}",
                f"{regrets.mean():.3f}",
                f"{regrets.max():.3f}",
                _mean([_rho(one) for one in part]),
                str(sum(one.ways[one.best].dice < UNUSABLE for one in part)),
                _mean([_of_proposed(direction, one) for one in part]),
                _mean([max(w.dice for w in one.ways) - np.mean([w.dice for w in one.ways]) for one in part]),
                f"{np.median([one.seconds for one in part]):.0f}",
            ]
        )
    return made


COLUMNS = (
    "direction",
    "images",
    "n",
    "ways",
    "Dice",
    "regret",
    "largest",
    "rho",
    "unusable",
    "proposed",
    "chance",
    "seconds",
)


def _rho(one: MeasuredView) -> float | None:
    if len(one.ways) < 3:
        return None
    found = spearmanr([way.agreement for way in one.ways], [way.dice for way in one.ways]).statistic
    return None if np.isnan(found) else float(found)


def _of_proposed(direction: Carried, one: MeasuredView) -> float | None:
    """Regret of what the cards propose."""
    known = [
        Candidate(it.name, it.card)
        for it in named_checkpoints()
        if it.card is not None and it.name.startswith("sample:") and it.name not in direction.without
    ]
    proposal = propose(direction.modality, known)
    if direction.trained is not None or proposal is None:
        return None
    dice = [
        way.dice
        for way in one.ways
        if (way.translator, way.segmenter) == (proposal.translator, proposal.segmenter)
    ]
    return max(way.dice for way in one.ways) - dice[0] if dice else None


def _mean(values: Sequence[float | None]) -> str:
    known = [one for one in values if one is not None]
    return f"{np.mean(known):.3f}" if known else "-"


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/choice"),
    only: str = typer.Option("", help="Only directions whose name holds this text."),
    json_path: Path = typer.Option(Path("runs/choice.json"), "--json"),
    markdown: bool = typer.Option(False, "--markdown", help="Print the table as Markdown."),
) -> None:
    """Measure, print the table and write it as JSON."""
    if not data.is_dir():
        typer.echo(
            f"{data} is missing; give the folder with axon_sem, axon_tem and nuclei by --data.", err=True
        )
        raise typer.Exit(2)
    torch.set_num_threads(1)
    everything, cells = [], []
    for direction in DIRECTIONS:
        if only.lower() in direction.name.lower():
            found = views(direction, data, runs)
            everything += found
            cells += rows(direction, found)
    if markdown:
        print("\n".join(f"| {' | '.join(row)} |" for row in (COLUMNS, *cells)))
    else:
        shown = Table(title="Find the best way")
        for name in COLUMNS:
            shown.add_column(name, justify="left" if name in ("direction", "images") else "right")
        for row in cells:
            shown.add_row(*row)
        Console(width=150).print(shown)
    kept = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, 1 thread, torch {torch.__version__}",
        "views": [asdict(one) for one in everything],
    }
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
