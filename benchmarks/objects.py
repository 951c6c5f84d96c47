"""Are the objects counted right? Dice, and F1, precision and recall of axons, fibres and nuclei at IoU .5.

    python benchmarks/objects.py [--data DIR] [--only SEM] [--rows "any contrast"] [--factor 1 --factor 0.6] [--markdown]
    python benchmarks/objects.py --only lavender --try mine=runs/mine/best.safetensors
    python benchmarks/objects.py --only lavender --rows "" --cards

Images at their own size: axons by the pixel size of the index, nuclei as they are. All rows of models label as the dock does, with three
flips; nobody tells them anything about the image. Rows:

supervised bound     the shipped segmenter that learned from labels of this modality, on the animals it has not seen
source only          the shipped segmenter of the other modality on the image as it is
inversion            ... on the inverted luminance
Otsu + watershed     no model: luminance, threshold after Otsu; which side counts follows from the image alone
forest, 8 scribbles per class  a random forest from eight strokes per class, drawn by the truth on each image itself
SynDiff adaptation, grey levels  the segmenter of the other modality on the image translated by what is shipped
shipped proxy        the shipped segmenter that learned from translated images of the other modality
... scale found      at the magnification that a run finds by itself, as for an image without a size
any contrast         the shipped segmenter that learned from labels of the other modality in random contrasts, without a translator

Numbers are means over groups (animals, or images of nuclei). "Held out" are the animals and the images on which no choice was made:
rat 4; sub-371 and sub-373C; every third image of nuclei. ``--factor`` gives the models the image at a wrong size.
Rows are written beside what the JSON already holds; a row that is measured again is replaced. --cards writes what the JSON holds of the
shipped proxies into their cards.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import typer
from objects_methods import Method, by_models, methods, objects_of, scenes_of
from objects_targets import TARGETS, Scene, Target
from quality_tables import Sheet, about, add_measures, dump

from napari_pseudolabel.labels.matching import detection
from napari_pseudolabel.labels.metrics import evaluate
from napari_pseudolabel.models import resolve
from napari_pseudolabel.models.cards import Measure

COMMAND = "python benchmarks/objects.py --cards"


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    only: str = typer.Option("", help="Measure only targets whose name holds this text."),
    rows: list[str] | None = typer.Option(None, help="Rows to measure; all by default."),
    factor: list[float] | None = typer.Option(None, help="How wrong the size is; 1 by default."),
    tried: list[str] | None = typer.Option(None, "--try", help="More rows, as NAME=SEGMENTER."),
    every: int = typer.Option(1, help="Measure on every so many images only, for a first look."),
    split: str = typer.Option("all", help="all, held-out or choosing: which images."),
    json_path: Path = typer.Option(Path("runs/objects.json"), "--json"),
    markdown: bool = typer.Option(False, "--markdown", help="Print the tables as Markdown."),
    cards: bool = typer.Option(False, "--cards", help="Write the rows of shipped proxies into their cards."),
) -> None:
    """Measure, print the tables and write them as JSON."""
    found = json.loads(json_path.read_text())["targets"] if json_path.exists() else {}
    for target in TARGETS:
        if only.lower() not in target.name.lower():
            continue
        known = methods(target) | {
            name: by_models(path) for name, _, path in (one.partition("=") for one in tried or [])
        }
        scenes = [
            one for one in target.scenes(data) if split == "all" or one.held_out == (split == "held-out")
        ]
        table = found.setdefault(target.name, {})
        for wrong in factor or [1.0]:
            for name in known if rows is None else [row for row in rows if row in known]:
                chosen = scenes_of(name, target, scenes)[::every]
                table[name if wrong == 1 else f"{name}, size x {wrong:g}"] = [
                    measured(known[name], scene, target, wrong) for scene in chosen
                ]
        dump(json_path, {**about(), "targets": found})
        if table:
            sheet(target, table).show(markdown=markdown)
        if cards and target.proxy:
            add_measures(resolve(target.proxy), list(card_measures(target, table)), COMMAND)


def measured(method: Method, scene: Scene, target: Target, wrong: float) -> dict[str, object]:
    """Everything about one method and one image."""
    made = method(scene, target, wrong)
    values = {one.name: one.value for one in target.classes if one.value}
    scores: dict[str, float] = {
        f"Dice {name}": value for name, value in evaluate(made.labels, scene.truth, values).dice.items()
    }
    for name, numbered in objects_of(made, target).items():
        found = detection(numbered, scene.objects[name])
        scores |= {
            f"F1 {name}": found.f1,
            f"precision {name}": found.precision,
            f"recall {name}": found.recall,
        }
    return {"image": scene.name, "group": scene.group, "held_out": scene.held_out, "scores": scores}


def card_measures(target: Target, table: dict[str, list[dict[str, object]]]) -> Iterator[Measure]:
    """What the card of the shipped proxy says: at the scale that is found, as the images are, and what needs no model."""
    (kind,) = (name for name in ("axon", "nucleus") if name in {one.name for one in target.classes})
    for row, short, where in (
        ("shipped proxy, scale found", "", "at the scale that a run finds"),
        ("shipped proxy", "images at their own size", "at their own size"),
        ("Otsu + watershed", "Otsu + watershed", "at their own size"),
    ):
        records = table.get(row, [])
        unseen = [one for one in records if one["held_out"]]
        for name in (f"Dice {kind}", f"F1 {kind}"):
            if not unseen or len(records) == len(unseen):
                continue
            of = f"{len(records)} {target.name} images {where}, mean over images or animals"
            data = f"{of}; of {len(unseen)} held out {mean(unseen, name):.3f}"
            value = round(mean(records, name), 3)
            yield Measure(
                metric=f"{name} ({short})" if short else name, value=value, data=data, command=COMMAND
            )


def sheet(target: Target, table: dict[str, list[dict[str, object]]]) -> Sheet:
    """The table of a target."""
    measures = list(next(iter(table.values()))[0]["scores"])  # type: ignore[call-overload]
    heads = ["method", *measures, "held out: F1", "images"]
    main_f1 = next(name for name in measures if name.startswith("F1"))
    lines = []
    for name, records in table.items():
        unseen = [one for one in records if one["held_out"]]
        lines.append(
            [
                name,
                *(f"{mean(records, measure):.3f}" for measure in measures),
                f"{mean(unseen, main_f1):.3f}" if unseen else "",
                str(len(records)),
            ]
        )
    return Sheet(target.name, heads, lines)


def mean(records: Sequence[dict[str, object]], measure: str) -> float:
    """Over groups of the mean over their images."""
    values: dict[str, list[float]] = defaultdict(list)
    for one in records:
        values[str(one["group"])].append(one["scores"][measure])  # type: ignore[index]
    return float(np.mean([np.mean(found) for found in values.values()]))


if __name__ == "__main__":
    typer.run(main)
