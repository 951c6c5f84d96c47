"""How many evaluations of its network does a translation need? Dice, F1 of objects and CPU seconds of each mode.

    python benchmarks/evaluations.py [--data DIR] [--runs DIR] [--only "TEM -> SEM"] [--collect] [--markdown] [--cards]

Shipped SynDiff translators in front of the shipped segmenters of what they make, with the usual settings (three flips, specks left
out), on the grid of the translator, of at most --most images of a modality; of images larger than --side their centre. Ways: all
steps of the diffusion, the first and the last, the first alone; three seeds of the noise. What ways have in common is computed once.
Means over groups (animals, images). CPU seconds of the translation alone, one thread, nothing remembered, on one crop of --timed
pixels per way. Spread: standard deviation of three samples on that crop, of grey levels from 0 to 1; what tutorship learns from.

The mode *fast* of a translator is the cheapest way that loses at most .01 Dice of any class and at most .02 of the F1 of any object, on
all groups and on those that are held out, else the first and the last step. --cards writes that, and what was measured for every mode, into
the cards. "Held out" are groups that no translator has seen.

Every image is kept in RUNS, so that a second call only does what is missing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import torch
import typer
from quality_cases import FLUORESCENCE, PURPLE, SEM, TEM, Case, Side
from quality_scores import scored, segmented
from quality_statistics import Record, Summary, summary
from quality_tables import Sheet
from quality_training import digest
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from napari_pseudolabel.models import load_segmenter, load_translator, resolve
from napari_pseudolabel.models.card_files import HEADER_KEY, atomic_write, read_header_card, spelt
from napari_pseudolabel.models.cards import Card, CardEvaluations, EvaluationMode, EvaluationScores
from napari_pseudolabel.models.tile_memo import TileMemo
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.workspace import write_text

ALL, BOTH, FIRST = WAYS = ("all", "first and last", "first")
SEEDS = 3
COMMAND = "python benchmarks/evaluations.py --cards"


@dataclass(frozen=True, eq=False)
class Route:
    """Images of one side are translated, and segmented by what learned from labels of the other."""

    side: Side
    translator: str
    segmenter: str

    @property
    def name(self) -> str:
        """Such as "SEM -> TEM": the way of the images, not of the labels."""
        card = load_translator(self.translator).card
        assert card.source is not None
        assert card.target is not None
        return f"{card.source.name} -> {card.target.name}"

    def cases(self, data: Path, side: int, most: int) -> Iterator[Case]:
        """Labelled images, spread over all, on the grid of the translator; of large ones the centre."""
        cases = [case for case in self.side.cases(data) if case.scored]
        for number in np.unique(np.linspace(0, len(cases) - 1, most).round().astype(int)):
            case = cases[number]
            height, width = case.plane.image.shape
            y, x = max(0, (height - side) // 2), max(0, (width - side) // 2)
            at = np.s_[y : y + side, x : x + side]
            truth, instances = case.plane.labels, case.instances
            if instances is not None and instances.shape == truth.shape:
                truth, instances = (instances > 0).astype(np.uint8), instances[at]
            else:
                instances = None
            plane = replace(case.plane, image=case.plane.image[at], labels=case.plane.labels[at])
            yield replace(case, plane=plane, truth=truth[at], instances=instances)


ROUTES = (
    Route(SEM, "sample:sem-to-tem", "sample:tem-axons"),
    Route(TEM, "sample:tem-to-sem", "sample:sem-axons"),
    Route(PURPLE, "sample:purple-to-fluorescence", "sample:fluorescence-nuclei"),
    Route(FLUORESCENCE, "sample:fluorescence-to-purple", "sample:purple-proxy"),
)


def steps_of(translator: Translator, way: str) -> tuple[int, ...]:
    """Steps of the diffusion that a way takes."""
    last = int(translator.card.schedule["num_timesteps"]) - 1
    return {ALL: tuple(range(last, -1, -1)), BOTH: (last, 0), FIRST: (last,)}[way]


def taking(translator: Translator, way: str) -> Translator:
    """Return the same translator, whose fast mode is a way."""
    known = CardEvaluations(fast=steps_of(translator, way))
    return replace(translator, card=translator.card.model_copy(update={"evaluations": known}))


def measure(route: Route, data: Path, runs: Path, side: int, most: int, seed: int) -> None:
    """Score all ways on all images with one seed, as far as that has not been done."""
    translator, segmenter = load_translator(route.translator), load_segmenter(route.segmenter)
    key = f"{digest(resolve(route.translator))} {digest(resolve(route.segmenter))} {side}"
    for case in route.cases(data, side, most):
        path = runs / slug(route.name) / str(seed) / f"{case.plane.name}.json"
        if path.exists() and json.loads(path.read_text())["key"] == key:
            continue
        memo = TileMemo()
        found = {}
        for way in WAYS:
            made = translate(
                taking(translator, way), case.plane.image, seed=seed, evaluations="fast", memo=memo
            )
            found[way] = scored(segmented(segmenter, made.mean, case.truth.shape), case, segmenter)
        path.parent.mkdir(parents=True, exist_ok=True)
        about = {"group": case.group, "held_out": case.held_out, "pixels": case.truth.size}
        write_text(path, json.dumps({"key": key, "image": case.plane.name, **about, "ways": found}))


def costs(route: Route, data: Path, runs: Path, timed: int) -> dict[str, float]:
    """CPU seconds per million pixels of each way."""
    path = runs / slug(route.name) / "seconds.json"
    key = f"{digest(resolve(route.translator))} {timed}"
    if path.exists() and (known := json.loads(path.read_text()))["key"] == key:
        return dict(known["seconds"])
    translator = load_translator(route.translator)
    image = next(route.cases(data, timed, 1)).plane.image
    found = {}
    for way in (FIRST, *WAYS):  # the first time warms up
        began = time.process_time()
        translate(taking(translator, way), image, evaluations="fast")
        found[way] = (time.process_time() - began) / image.size * 1e6
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps({"key": key, "seconds": found}))
    return found


def spreads(route: Route, data: Path, runs: Path, timed: int) -> dict[str, float]:
    """Return how much three samples of each way differ: standard deviation, mean over the pixels of one crop, of 0 to 1."""
    path = runs / slug(route.name) / "spread.json"
    key = f"{digest(resolve(route.translator))} {timed}"
    if path.exists() and (known := json.loads(path.read_text()))["key"] == key:
        return dict(known["spread"])
    translator = load_translator(route.translator)
    image = next(route.cases(data, timed, 1)).plane.image
    found = {}
    for way in WAYS:
        spread = translate(taking(translator, way), image, samples=3, evaluations="fast").spread
        assert spread is not None
        found[way] = float(spread.mean())
    write_text(path, json.dumps({"key": key, "spread": found}))
    return found


def collected(route: Route, runs: Path) -> dict[str, list[Record]]:
    """Return everything that was measured, by way."""
    found: dict[str, list[Record]] = {way: [] for way in WAYS}
    for path in sorted((runs / slug(route.name)).glob("*/*.json")):
        one = json.loads(path.read_text())
        for way, scores in one["ways"].items():
            told = (route.name, way, int(path.parent.name), one["image"], one["group"], one["held_out"])
            found[way].append(Record(*told, scores))
    return {way: records for way, records in found.items() if records}


def slug(name: str) -> str:
    """Return a name for a folder."""
    return "-".join(name.replace("->", "to").split())


@cache
def names(route: Route) -> str:
    """The models of a route, without where they come from."""
    return f"{route.translator.removeprefix('sample:')}, {route.segmenter.removeprefix('sample:')}"


def as_good(own: Sequence[Record], other: Sequence[Record]) -> bool:
    """Whether a way is as good as another, on all groups and on those that are held out."""
    unseen = held_out(own), held_out(other)
    return scores_of(own).as_good_as(scores_of(other)) and (
        not unseen[0] or scores_of(unseen[0]).as_good_as(scores_of(unseen[1]))
    )


def held_out(records: Sequence[Record]) -> list[Record]:
    """Records of groups that no translator has seen."""
    return [one for one in records if one.held_out]


def scores_of(records: Sequence[Record], cost: float | None = None) -> EvaluationScores:
    """Means over groups and seeds."""
    kinds: dict[str, dict[str, float]] = {"Dice": {}, "F1": {}}
    for measure in records[0].scores:
        kind, _, name = measure.partition(" ")
        kinds[kind][name] = round(summary(records, measure).value, 4)
    return EvaluationScores(dice=kinds["Dice"], f1=kinds["F1"], cost=None if cost is None else round(cost, 3))


def evaluated(route: Route, results: dict[str, list[Record]], seconds: dict[str, float]) -> CardEvaluations:
    """Return what the card of the translator says: the cheapest way that is as good as all steps is called fast."""
    fast = next((way for way in (FIRST, BOTH) if as_good(results[way], results[ALL])), BOTH)
    modes: dict[EvaluationMode, str] = {"quality": ALL, "fast": fast, "preview": FIRST}
    seen = results[ALL]
    images, unseen = ({one.image for one in some} for some in (seen, held_out(seen)))
    seeds = len({one.seed for one in seen})
    return CardEvaluations(
        fast=steps_of(load_translator(route.translator), fast),
        scores={mode: scores_of(results[way], seconds[way] / seconds[ALL]) for mode, way in modes.items()},
        held_out={mode: scores_of(held_out(results[way])) for mode, way in modes.items() if unseen},
        data=f"{len(images)} images of {route.side.name} ({len(unseen)} held out), by {route.segmenter}, {seeds} seed{'s'[: seeds > 1]}",
        date=date.today().isoformat(),
        command=COMMAND,
    )


def write_card(path: Path, found: CardEvaluations) -> None:
    """Put it into the card of a checkpoint; the weights stay."""
    said = read_header_card(path)
    assert said is not None
    card = Card.model_validate(said).model_copy(update={"evaluations": found})
    header = {HEADER_KEY: json.dumps(spelt(card), ensure_ascii=False)}
    atomic_write(path, to_bytes(load_file(path), header))


def sheet(
    route: Route, results: dict[str, list[Record]], seconds: dict[str, float], spread: dict[str, float]
) -> Sheet:
    """Return a table of one route."""
    measures = list(results[ALL][0].scores)
    rows = []
    for way, records in results.items():
        found = {one: summary(records, one) for one in measures}
        cells = [f"{shown(one)} ({_short(one.held_out)})" for one in found.values()]
        cost = f"{seconds[way]:.0f}", f"{seconds[ALL] / seconds[way]:.1f}"
        rows.append((way, *cells, *cost, f"{spread[way]:.4f}"))
    told = evaluated(route, results, seconds)
    fast = ", ".join(map(str, told.fast))
    note = f"Fast takes step {fast}; a run that asks for nothing takes {told.usual}. Decided on {told.data}."
    heads = ("steps", *(f"{one} (held out)" for one in measures), "CPU s per Mpx", "times as fast", "spread")
    groups = len({one.group for one in results[ALL]})
    images = len({one.image for one in results[ALL]})
    title = f"{route.name} ({names(route)}; {images} images, {groups} groups)"
    return Sheet(title, heads, rows, (note,))


def shown(one: Summary) -> str:
    """Return a mean, and its deviation over seeds."""
    return f"{_short(one.value)} ±{_short(one.spread)}"


def _short(value: float) -> str:
    return "-" if value != value else f"{value:.3f}".removeprefix("0")


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/evaluations"),
    seeds: int = SEEDS,
    most: int = typer.Option(10, help="Images of a modality, spread over all of them."),
    side: int = typer.Option(320, help="Larger images are measured on so many pixels in their centre."),
    timed: int = typer.Option(256, help="Side of the crop that CPU seconds are measured on."),
    only: str = typer.Option("", help="Measure only routes whose name holds this text."),
    collect: bool = typer.Option(False, "--collect", help="Measure no labels; show what there is."),
    markdown: bool = typer.Option(False, "--markdown", help="Print the tables as Markdown."),
    cards: bool = typer.Option(False, "--cards", help="Write into the cards of the translators."),
) -> None:
    """Measure, and print the tables."""
    torch.set_num_threads(1)
    routes = [route for route in ROUTES if only.lower() in route.name.lower()]
    for seed in range(0 if collect else seeds):
        for route in routes:
            measure(route, data, runs, side, most, seed)
    for route in routes:
        if not (results := collected(route, runs)):
            continue
        seconds = costs(route, data, runs, timed)
        sheet(route, results, seconds, spreads(route, data, runs, timed)).show(markdown=markdown)
        if cards:
            write_card(resolve(route.translator), evaluated(route, results, seconds))


if __name__ == "__main__":
    typer.run(main)
