"""What every finished round of a self-training of `quality.py` scores, beside the segmenter that it started from.

    python benchmarks/quality.py --steps 400 --seeds 1 --only FIB-SEM --method Self-training
    python benchmarks/self_training_rounds.py [--only FIB-SEM] [--steps 400]

The same images, inference and means over groups as there; a round that nobody would choose is scored as well. Trains nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import typer
from quality_directions import Direction, directions
from quality_scores import scored, segmented
from quality_statistics import Record, summary
from quality_strategies import folder_of, start_of
from quality_training import Bench

from napari_pseudolabel.models import load_segmenter, resolve
from napari_pseudolabel.strategies.self_training import SELF_TRAINING


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/quality"),
    mito_translators: Path = Path("runs/mito"),
    only: str = "FIB-SEM",
    steps: int = 400,
    seed: int = 0,
) -> None:
    """Print a line for the start and for every round: mean, that of what was held out, and the largest loss of an image."""
    torch.set_num_threads(1)
    bench = Bench(data, runs, steps)
    (direction,) = (one for one in directions(mito_translators) if one.name.endswith(only))
    folder = folder_of(bench, direction, SELF_TRAINING, seed)
    models = {"start": resolve(start_of(bench, direction, seed))}
    models |= {path.parent.name: path for path in sorted(folder.glob("round-*/teacher.safetensors"))}
    start: list[Record] = []
    for name, path in models.items():
        found = list(records(bench, direction, name, path, seed))
        start = start or found
        told = []
        for measure in found[0].scores:
            all_of_it = summary(found, measure)
            worst = min(
                one.scores[measure] - before.scores[measure] for one, before in zip(found, start, strict=True)
            )
            told.append(f"{measure} {all_of_it.value:.3f} / {all_of_it.held_out:.3f} (worst {worst:+.3f})")
        typer.echo(f"{name}: {', '.join(told)}")


def records(bench: Bench, direction: Direction, name: str, path: Path, seed: int) -> Iterator[Record]:
    """Score a segmenter on every image that counts."""
    model = load_segmenter(path)
    for case in (one for one in direction.target.cases(bench.data) if one.scored):
        told = scored(segmented(model, case.plane.image, case.truth.shape), case, model)
        yield Record(direction.name, name, seed, case.plane.name, case.group, case.held_out, told)


if __name__ == "__main__":
    typer.run(main)
