"""How alike are the labels of two tries of a translator? What a network with one answer can agree with at most.

    python benchmarks/tries.py [--data DIR] [--only sem-to-tem] [--side 256] [--most 3] [--tries 8] [--markdown]

Dice between the labels of translations of the same images that differ in nothing but the noise, by class, over all images
together. Tries of all evaluations, one against one and half of --tries together against the other half, and the same of first
predictions; then first predictions against all evaluations. Several together: by their mean probabilities, each seen in one of four
mirrors; a single one in all four. Images: those of ``evaluations.py``, of large ones the centre of --side pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from evaluations import ROUTES
from numpy.typing import NDArray

from napari_pseudolabel.models import load_segmenter, load_translator
from napari_pseudolabel.models.evaluations import Evaluations
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.training.student.label_judge import LabelJudge

Labels = Sequence[NDArray[np.uint8]]


def main(
    data: Path = Path("../shared/data"),
    only: str = "",
    side: int = 256,
    most: int = 3,
    tries: int = 8,
    markdown: Annotated[bool, typer.Option("--markdown")] = False,
) -> None:
    """Measure, and print a table."""
    torch.set_num_threads(1)
    for route in ROUTES:
        name = route.translator.partition(":")[2]
        if only and only != name:
            continue
        translator, segmenter = load_translator(route.translator), load_segmenter(route.segmenter)
        judge = LabelJudge(segmenter, translator.card.target, "cpu")
        images = [case.plane.image for case in route.cases(data, side, most)]
        half = tries // 2
        found: dict[str, Labels] = {}
        ways: tuple[tuple[str, Evaluations], ...] = (("all", "quality"), ("first", "preview"))
        for way, evaluations in ways:
            made = [
                list(translate(translator, image, samples=tries, evaluations=evaluations).samples)
                for image in images
            ]
            cuts = {
                "one": slice(0, 1),
                "another": slice(1, 2),
                "half": slice(0, half),
                "rest": slice(half, None),
            }
            found |= {f"{way} {cut}": [judge.labels(looks[at]) for looks in made] for cut, at in cuts.items()}
        rows = (
            ("all evaluations, one try against another", "all one", "all another"),
            (f"all evaluations, {half} tries together against {half}", "all half", "all rest"),
            ("first predictions, one against another", "first one", "first another"),
            (f"first predictions, one against {tries - half} together", "first one", "first rest"),
            (f"first predictions, {half} together against {half}", "first half", "first rest"),
            (f"{half} first predictions against {half} tries of all evaluations", "first half", "all half"),
        )
        heads = [name, *judge.classes]
        told = [[title, *_dice(judge, found[one], found[other])] for title, one, other in rows]
        for row in (heads, ["---"] * len(heads), *told) if markdown else (heads, *told):
            typer.echo(f"| {' | '.join(row)} |" if markdown else "  ".join(f"{one:<60}" for one in row))


def _dice(judge: LabelJudge, ones: Labels, others: Labels) -> list[str]:
    found = []
    for value in judge.classes.values():
        pairs = [(one == value, other == value) for one, other in zip(ones, others, strict=True)]
        common = sum(int((a & b).sum()) for a, b in pairs)
        total = sum(int(a.sum()) + int(b.sum()) for a, b in pairs)
        found.append(f"{2 * common / max(total, 1):.3f}")
    return found


if __name__ == "__main__":
    typer.run(main)
