"""How good are the labels? Dice and instance F1 of labels carried to another modality, against honest baselines.

    python benchmarks/quality.py [--data DIR] [--runs DIR] [--only "TEM -> SEM"] [--collect] [--markdown] [--cards]

Directions: TEM -> SEM and SEM -> TEM (axons and myelin), fluorescence -> purple stain (nuclei), ssTEM -> FIB-SEM (mitochondria; their
translators come from ``train_mito.py`` and are given by --mito-translators). Rows, all with the same segmenter and inference (one look,
three flips, specks left out); those that are trained here learn alike, but for "long", which learns as what is shipped did (1,200
steps, nuclei with the weights of pixels that their recipe has):

supervised bound     trained on the target's own labels, cross-validated by group in at most four folds
source only          trained on the source, applied to the target as it is
match                ... to the target, histogram matched to the source
inversion            ... to the inverted target
invert + match       ... to the inverted target, histogram matched to the source
invert + match tutorship  trained on the inverted source, histogram matched to the target, applied to the target as it is
SynDiff adaptation   ... to the target translated by the shipped checkpoint
SynDiff tutorship    trained on the source translated by the shipped checkpoint, applied to the target as it is
shipped inversion    inversion, and invert + match, with the shipped segmenter
shipped grey levels  ... to the target, its grey levels changed by the shipped curve, the same for all images
long ... tutorship   invert + match tutorship, and one with the shipped curves, trained as long as what is shipped
shipped adaptation   SynDiff adaptation with the shipped segmenter instead
shipped tutorship    the shipped proxy segmenter applied to the target as it is
CUT, CycleGAN + P    ... to the target translated by networks of others on a small budget (`quality_rivals.py`), by the shipped segmenter
all other strategies by the name that papers give them, as shell and dock run them (`quality_strategies.py`): prepared on the unlabelled
                     images that are labelled (self-training: on others of the target, where there are any)

Numbers are means over the groups of the target (animals, images, blocks of slices); +- is the standard deviation over the seeds of the
segmenter. Intervals: 95 %, bootstrap over images of the mean over images, each averaged over seeds. "Held out": the groups that
no translator has seen, unlabelled though the others were. Under each table our methods are compared, image by image, with the trivial
baseline that is best by the same measure; what is shipped also with those that were trained as long.

What was trained and measured is kept in RUNS, so a second call only does what is missing; processes on different directions may share it.
"""

from __future__ import annotations

from pathlib import Path

import typer
from quality_directions import directions
from quality_measuring import METHODS, collected, measure
from quality_tables import by_method, sheet, write_cards, write_json
from quality_training import SETTINGS, Bench

SEEDS = 3


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/quality"),
    seeds: int = SEEDS,
    steps: int = SETTINGS.steps,
    mito_translators: Path = Path("runs/mito"),
    only: str = typer.Option("", help="Measure only directions whose name holds this text."),
    method: list[str] | None = typer.Option(None, help="Rows to measure; all by default."),
    collect: bool = typer.Option(False, "--collect", help="Measure nothing; show what there is."),
    json_path: Path = typer.Option(Path("runs/quality.json"), "--json"),
    markdown: bool = typer.Option(False, "--markdown", help="Print the tables as Markdown."),
    cards: bool = typer.Option(
        False, "--cards", help="Write the numbers into the cards of the shipped models."
    ),
) -> None:
    """Measure, print the tables and write them as JSON."""
    if not data.is_dir():
        typer.echo(
            f"{data} is missing; give the folder with axon_tem, axon_sem and nuclei by --data.", err=True
        )
        raise typer.Exit(2)
    everything = directions(mito_translators)
    chosen = [direction for direction in everything if only.lower() in direction.name.lower()]
    if not chosen:
        names = ", ".join(direction.name for direction in everything)
        typer.echo(f"No direction is called “{only}”; they are {names}.", err=True)
        raise typer.Exit(2)
    if unknown := set(method or ()) - set(METHODS):
        typer.echo(f"There is no row {', '.join(unknown)}; they are {', '.join(METHODS)}.", err=True)
        raise typer.Exit(2)
    bench = Bench(data, runs, steps)
    if not collect:
        for direction in chosen:
            measure(bench, direction, range(seeds), method or METHODS)
    records = list(collected(bench))
    for direction in chosen:
        results = by_method(records, direction)
        sheet(direction, results).show(markdown=markdown)
        if cards:
            write_cards(direction, results)
    write_json(json_path, everything, records, steps)


if __name__ == "__main__":
    typer.run(main)
