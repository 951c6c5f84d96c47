"""How much must a person correct until the labels are good? A simulated one works through whole images.

    python benchmarks/effort.py [--data DIR] [--image ID ...] [--no-nuclei] [--lenient] [--json FILE]

The person knows the truth, goes from region to region (about three object diameters wide, 96 pixels at least) and
makes each true. What is counted: boundary pixels drawn (added path length), and edits of objects (`effort_measures.py`).
How much of both does it take until the whole is good: mean Dice 0.90 of myelin and axon, or F1 0.90 of nuclei?

(a) from scratch    empty labels, row after row
(b) plain order     pseudo labels, row after row
(c) random          pseudo labels, at random among the regions with predicted foreground
(d) queue           pseudo labels, in the order of `labels.review`
(e) queue, learning as (d), and the segmenter is fine-tuned after some regions; if it is promoted, it labels what
                    the person has not touched
perfect order       pseudo labels, by what a region truly gains per boundary pixel: what an order could do at best

axons     real SEM images; translator and segmenter are the shipped ones, which never saw an SEM label. Of large images
          the middle is used. The defaults of a fine-tuning were chosen on rat 2; after how many regions (e) learns was
          first tried on rat 4, the only animal that nothing shipped has seen.
nuclei    every second image of the purple stain, together; a segmenter of fluorescence (trained here first) sees them
          inverted and with matched histogram. No translator ships for them. The object size is given as 20 pixels, the
          rounded median of the labels, as a person would measure it.

Candidates are the segmenter's answers to four flips. A careful person leaves the truth behind; a lenient one
(`--lenient`) leaves borders that are off by a pixel, and outlines of nuclei with an IoU of 0.7. Seeds decide the noise of
the translation, random picks, which quarter of a region validates, and every random number of a fine-tuning.
`effort_fine_tuning.py` asks what a few regions bring to the rest of an image.
"""

from __future__ import annotations

import copy
import json
import platform
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import effort_axons
import effort_nuclei
import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from simulated_person import (
    Guess,
    Lesson,
    Next,
    Scene,
    Setup,
    Step,
    Work,
    correct_all,
    needed,
    plain,
    queue,
    random_foreground,
    reached,
)

from napari_pseudolabel.labels.review import Place
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuneSettings

SCRATCH, PLAIN, RANDOM, QUEUE, LEARNING, PERFECT = (
    "(a) from scratch",
    "(b) plain order",
    "(c) random",
    "(d) queue",
    "(e) queue, learning",
    "perfect order",
)
SHARES = (0.05, 0.1, 0.2, 0.3)  # of the boundary pixels of everything drawn from scratch
IMAGES = ["sub-rat1_sample-data1", "sub-rat3_sample-data9", "sub-rat4_sample-data12"]
NUCLEI = "nuclei"

Loaded = tuple[list[Scene], list[Guess], int]
Maker = Callable[[Sequence[Guess] | None], Work]


@dataclass(frozen=True)
class Run:
    """One person's way through one image (or all images of nuclei)."""

    image: str
    order: str
    seed: int
    target: float
    needed: dict[str, float] | None
    steps: list[Step]
    lessons: list[Lesson]


def perfect(work: Work) -> Next:
    """The order by the true gain in quality per boundary pixel, as it is before anything is corrected."""
    start, gains = work.quality(), {}
    for score in work.scores():
        probe = copy.deepcopy(work, {id(work.scenes): work.scenes, id(work.guesses): work.guesses})
        effort = probe.review(score.place, 0)
        gains[score.place] = (probe.quality() - start) / max(effort.path_px, 1)
    best = sorted(gains, key=lambda place: -gains[place])

    def following(_work: Work, done: Collection[Place], _seed: int) -> Place | None:
        return next((place for place in best if place not in done), None)

    return following


def runs_of(
    image: str, make: Maker, guesses: list[Guess], seed: int, target: float, lessons: Sequence[int]
) -> Iterator[Run]:
    """All orders for one image and seed."""
    ways: dict[str, tuple[list[Guess] | None, Next, Sequence[int]]] = {
        SCRATCH: (None, plain, ()),
        PLAIN: (guesses, plain, ()),
        RANDOM: (guesses, random_foreground, ()),
        QUEUE: (guesses, queue, ()),
        PERFECT: (guesses, perfect(make(guesses)), ()),
        LEARNING: (guesses, queue, lessons),
    }
    for name, (start, following, after) in ways.items():
        steps: list[Step] = []
        learned: list[Lesson] = []
        for step in correct_all(make(start), following, seed, target, after):
            if isinstance(step, Lesson):
                learned.append(step)
            else:
                steps.append(step)
        yield Run(image, name, seed, target, needed(steps, target), steps, learned)


def show(done: Sequence[Run]) -> Table:
    """Effort until the target, means over the seeds; shares are of the effort from scratch."""
    table = Table(
        "image", "order", "start", "boundary px", "share", "lowest to highest", "edits", "share", "regions",
        "promoted", "CPU s",
    )  # fmt: skip
    for image, order, own, scratch in groups(done):
        if any(run.needed is None for run in own):
            table.add_row(image, order, f"{own[0].steps[0].quality:.3f}", "never")
            continue
        numbers = {
            name: [run.needed[name] for run in own if run.needed] for name in ("path_px", "edits", "regions")
        }
        shares = {
            name: [run.needed[name] / scratch[run.seed][name] for run in own if run.needed]
            for name in ("path_px", "edits")
        }
        lessons = [lesson for run in own for lesson in run.lessons]
        table.add_row(
            image,
            order,
            f"{np.mean([run.steps[0].quality for run in own]):.3f}",
            f"{np.mean(numbers['path_px']):.0f}",
            f"{np.mean(shares['path_px']):.2f}",
            f"{min(shares['path_px']):.2f} to {max(shares['path_px']):.2f}",
            f"{np.mean(numbers['edits']):.0f}",
            f"{np.mean(shares['edits']):.2f}",
            f"{np.mean(numbers['regions']):.0f} of {own[0].steps[-1].regions}",
            f"{sum(lesson.promoted for lesson in lessons)} of {len(lessons)}" if lessons else "",
            f"{sum(lesson.cpu_seconds for lesson in lessons) / len(own):.0f}" if lessons else "",
        )
    return table


def show_curves(done: Sequence[Run]) -> Table:
    """Quality after shares of the boundary pixels that drawing everything takes, means over the seeds."""
    table = Table("image", "order", "nothing", *(f"{share:.0%}" for share in SHARES))
    for image, order, own, scratch in groups(done):
        rows = [
            [
                run.steps[0].quality,
                *(reached(run.steps, share * scratch[run.seed]["all"]) for share in SHARES),
            ]
            for run in own
        ]
        table.add_row(image, order, *(f"{value:.3f}" for value in np.mean(rows, axis=0)))
    return table


def groups(done: Sequence[Run]) -> Iterator[tuple[str, str, list[Run], dict[int, dict[str, float]]]]:
    """Runs by image and order, with what each seed needs from scratch, and for everything ("all")."""
    for image in dict.fromkeys(run.image for run in done):
        scratch = {
            run.seed: {**(run.needed or {}), "all": float(run.steps[-1].path_px)}
            for run in done
            if run.image == image and run.order == SCRATCH
        }
        for order in (SCRATCH, PLAIN, RANDOM, QUEUE, PERFECT, LEARNING):
            own = [run for run in done if (run.image, run.order) == (image, order)]
            if own:
                yield image, order, own, scratch


def verdict(done: Sequence[Run]) -> Iterator[str]:
    """The two goals, image by image."""
    for image in dict.fromkeys(run.image for run in done):
        path = {
            (order, run.seed): run.needed["path_px"]
            for one_image, order, own, _ in groups(done)
            if one_image == image
            for run in own
            if run.needed
        }
        seeds = sorted({seed for order, seed in path if order == LEARNING})
        shares = [path[LEARNING, seed] / path[SCRATCH, seed] for seed in seeds]
        saved = [1 - path[QUEUE, seed] / path[RANDOM, seed] for seed in seeds]
        possible = [1 - path[PERFECT, seed] / path[RANDOM, seed] for seed in seeds]
        if seeds:
            yield (
                f"{image}: (e) takes {np.mean(shares):.2f} of (a), goal 0.25 {'met' if max(shares) <= 0.25 else 'missed'}; "
                f"(d) saves {np.mean(saved):.0%} of (c) ({min(saved):.0%} to {max(saved):.0%}), "
                f"a perfect order {np.mean(possible):.0%}"
            )


def main(
    data: Path = typer.Option(Path("../shared/data"), help="Folder with axon_sem and nuclei."),
    image: list[str] = typer.Option(IMAGES, help="Of axon_sem."),
    nuclei: bool = typer.Option(True),
    seeds: str = typer.Option("0,1,2"),
    target: float = typer.Option(0.9),
    lessons: str = typer.Option("4,12,24,48", help="Regions after which (e) learns."),
    lenient: bool = typer.Option(False, "--lenient", help="Leave what is nearly right."),
    threads: int = typer.Option(1),
    kept: Path = typer.Option(Path("runs/effort"), help="Keeps translations and the segmenter of nuclei."),
    json_path: Path = typer.Option(Path("runs/effort.json"), "--json"),
) -> None:
    """Print the tables and write every step as JSON."""
    sets = [name for name, wanted in (("axon_sem", bool(image)), (NUCLEI, nuclei)) if wanted]
    if missing := [name for name in sets if not (data / name).is_dir()]:
        typer.echo(f"{data} has no folder {missing[0]}; give the folder that holds it by --data.", err=True)
        raise typer.Exit(2)
    torch.set_num_threads(threads)
    kept.mkdir(parents=True, exist_ok=True)
    json_path.parent.mkdir(parents=True, exist_ok=True)
    after = [int(count) for count in lessons.split(",") if count]
    machine = f"{platform.machine()}, {threads} threads, torch {torch.__version__}"
    facts = {"date": date.today().isoformat(), "machine": machine, "lenient": lenient, "lessons": after}
    done: list[Run] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in [*image, *([NUCLEI] if nuclei else [])]:
            for seed in map(int, seeds.split(",")):
                settings = FineTuneSettings(seed=seed, device="cpu")
                make, guesses = start(name, data, kept, Path(folder), settings, not lenient)
                for one in runs_of(name, make, guesses, seed, target, after):
                    done.append(one)
                    typer.echo(f"{name}, seed {seed}, {one.order}: {one.needed} {one.lessons}", err=True)
                    json_path.write_text(json.dumps({**facts, "runs": [asdict(run) for run in done]}))
    console = Console(width=150)
    console.print(show(done))
    console.print(show_curves(done))
    for line in verdict(done):
        console.print(line)


def start(
    name: str, data: Path, kept: Path, folder: Path, settings: FineTuneSettings, careful: bool
) -> tuple[Maker, list[Guess]]:
    """What makes a fresh desk for one image, and the pseudo labels."""
    kind: type[Work]
    if name == NUCLEI:
        kind, segmenter = effort_nuclei.NucleiWork, effort_nuclei.source_segmenter(data, kept)
        scenes, guesses, side = effort_nuclei.load(data, segmenter)
        setup = Setup(str(segmenter), None, effort_nuclei.scaled(settings), kept / "inputs", folder)
    else:
        kind = effort_axons.AxonWork
        scenes, guesses, side = effort_axons.load(data, name, settings.seed, kept / "inputs")
        models = effort_axons.SEGMENTER, effort_axons.TRANSLATOR
        setup = Setup(*models, settings, kept / "inputs", folder)
    return lambda begin: kind(scenes, begin, setup, side, careful), guesses


if __name__ == "__main__":
    typer.run(main)
