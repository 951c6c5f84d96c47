"""Is a fast version as good as its translator? Dice and F1 against truth of both, their agreement, and CPU seconds.

    python benchmarks/students.py [--data DIR] [--made DIR] [--only sem-to-tem] [--side 448] [--held-out] [--markdown] [--cards]

Fast versions are those that come with the package (``sample:NAME-fast``), or of a folder NAME of --made, as
``tools/train_model.py student`` leaves it, ``NAME-fast.safetensors`` or, if it was not kept, ``best.safetensors``. The translator
makes all its evaluations, or the first alone; one seed. Behind all of them is the shipped segmenter of what they make, with the usual
settings. Images: those of ``evaluations.py``, of large ones the centre of --side pixels; with --held-out only groups that no
translator has seen; --cards writes Dice and F1 into the card. "Agreement" is the Dice of the labels of the fast version with those of
the translator, over all images together. CPU seconds per million pixels of the translation alone, one thread, side by side, on the
first image.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from evaluations import ROUTES, Route
from numpy.typing import NDArray
from quality_scores import scored, segmented
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models import load_segmenter, load_translator, resolve
from napari_pseudolabel.models.card_files import HEADER_KEY, atomic_write, read_header_card, spelt
from napari_pseudolabel.models.cards import Card, Measure
from napari_pseudolabel.models.evaluations import Evaluations
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.translate import translate

COMMAND = "python benchmarks/students.py --cards"
FAST = "fast version"
WAYS: dict[str, Evaluations] = {"all evaluations": "quality", "the first alone": "preview", FAST: "auto"}


@dataclass(eq=False)
class _Found:
    """What was measured of one translator."""

    scores: dict[str, list[dict[str, float]]] = field(default_factory=lambda: defaultdict(list))
    labels: dict[str, list[NDArray[np.uint8]]] = field(default_factory=lambda: defaultdict(list))
    seconds: dict[str, float] = field(default_factory=dict)

    def agreement(self, way: str, value: int) -> float:
        """Dice of a class between the fast version and another way."""
        common = total = 0
        for one, other in zip(self.labels[FAST], self.labels[way], strict=True):
            a, b = one == value, other == value
            common += int((a & b).sum())
            total += int(a.sum()) + int(b.sum())
        return 2 * common / max(total, 1)


def main(
    data: Path = Path("../shared/data"),
    made: Path | None = None,
    only: str = "",
    side: int = 448,
    most: int = 20,
    held_out: Annotated[bool, typer.Option("--held-out")] = False,
    markdown: Annotated[bool, typer.Option("--markdown")] = False,
    cards: Annotated[bool, typer.Option("--cards")] = False,
) -> None:
    """Measure, print a table, and write Dice and F1 into the card of the fast version if that is wanted."""
    torch.set_num_threads(1)
    for route in ROUTES:
        name = route.translator.partition(":")[2]
        path = _student(name, made)
        if (only and only != name) or path is None:
            continue
        found = _measured(route, load_translator(path), data, side, most, held_out)
        _print(name, route, found, markdown)
        if cards:
            _write(path, found, "images that no translator has seen" if held_out else "images")


def _student(name: str, made: Path | None) -> Path | None:
    if made is not None:
        files = (made / name / f"{name}-fast.safetensors", made / name / "best.safetensors")
        return next((path for path in files if path.exists()), None)
    try:
        return resolve(f"sample:{name}-fast")
    except InputError:
        return None


def _measured(route: Route, student: Translator, data: Path, side: int, most: int, held_out: bool) -> _Found:
    teacher, segmenter = load_translator(route.translator), load_segmenter(route.segmenter)
    models = {way: student if way == FAST else teacher for way in WAYS}
    found = _Found()
    for case in route.cases(data, side, most):
        if held_out and not case.held_out:
            continue
        image = case.plane.image
        if not found.seconds:
            for way in (FAST, *WAYS):  # the first time warms up
                began = time.process_time()
                translate(models[way], image, evaluations=WAYS[way])
                found.seconds[way] = (time.process_time() - began) / image.size * 1e6
        for way, evaluations in WAYS.items():
            look = translate(models[way], image, evaluations=evaluations).mean
            labelled = segmented(segmenter, look, case.truth.shape)
            found.labels[way].append(labelled.labels)
            found.scores[way].append(scored(labelled, case, segmenter))
    return found


def _write(path: Path, found: _Found, what: str) -> None:
    """Put what was measured of the fast version and of its translator before what is on the card."""
    count = len(found.labels[FAST])
    measured = [
        Measure(
            metric=f"{measure}{title}",
            value=round(float(np.mean([one[measure] for one in found.scores[way]])), 4),
            data=f"labels of {count} {what}, against truth",
            command=COMMAND,
        )
        for way, title in ((FAST, ""), ("all evaluations", " (its translator)"))
        for measure in found.scores[FAST][0]
    ]
    card = Card.model_validate(read_header_card(path))
    others = tuple(one for one in card.quality if one.command != COMMAND)
    card = card.model_copy(update={"quality": (*measured, *others)})
    header = {HEADER_KEY: json.dumps(spelt(card), ensure_ascii=False)}
    atomic_write(path, to_bytes(load_file(path), header))


def _print(name: str, route: Route, found: _Found, markdown: bool) -> None:
    segmenter = load_segmenter(route.segmenter)
    classes = {one.name: one.value for one in segmenter.classes if one.value}
    measures = list(found.scores[FAST][0])
    heads = [name, *measures, *(f"agreement {one}" for one in classes), "CPU s / Mpx", "times as fast"]
    rows = []
    for way in WAYS:
        means = [float(np.mean([one[measure] for one in found.scores[way]])) for measure in measures]
        agrees = ["" if way == FAST else f"{found.agreement(way, value):.3f}" for value in classes.values()]
        ratio = found.seconds["all evaluations"] / found.seconds[way]
        rows.append(
            [way, *(f"{one:.3f}" for one in means), *agrees, f"{found.seconds[way]:.2f}", f"{ratio:.1f}"]
        )
    typer.echo(f"{name}: {len(found.labels[FAST])} images")
    for row in (heads, ["---"] * len(heads), *rows) if markdown else (heads, *rows):
        typer.echo(f"| {' | '.join(row)} |" if markdown else "  ".join(f"{one:>16}" for one in row))


if __name__ == "__main__":
    typer.run(main)
