"""Make docs/models.md from the cards of the bundled checkpoints, the results of the benchmarks, and the models themselves.

    python docs/make_model_pages.py [--runs DIR] [--quality FILE] [--audit FILE] [--output DIR]
    python docs/make_model_pages.py --cards

DIR holds the folders in which the checkpoints were trained (OUT of ``tools/train_model.py``): those that hold NAME.safetensors,
or are called NAME. Curves whose folder is gone stay as they were drawn. All pictures are of generated images.
What a person knows of failures is in docs/models_notes.md, one heading per checkpoint. --cards takes seconds: it
runs no model, and brings what the page says of the cards and the notes up to date.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from model_curves import folder_of, write_curves
from model_pictures import Shown, pictures
from model_tables import sections, table
from safetensors import safe_open

from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.registry import NamedCheckpoint, named_checkpoints

HERE = Path(__file__).parent
NOTES = HERE / "models_notes.md"
_MEASURED, _FAILURES = "**Measured** (from the card)", "**Known failures**"
_INTRODUCTION = """# Models

The checkpoints that come with the package. This page is made by `python docs/make_model_pages.py` from their cards, the
results of the benchmarks and the models themselves; what is known of their failures is written by hand in
[models_notes.md](models_notes.md). All pictures are of generated images, with one translation sample and three flips. Such
images flatter: the models learned from others drawn by the same generator. How good they are on real images is in the tables.
"""


def main(runs: Path | None, quality: Path, audit: Path, output: Path) -> None:
    """Write the page and its pictures."""
    bundled = _bundled()
    models = LoadedModels()
    parts = [_INTRODUCTION, _overview(bundled)]
    for one in bundled:
        print(one.name, flush=True)
        shown = pictures(one, bundled, models, output / "images")
        parts += _section(one, [*shown, *_curves(one, runs, output / "images")], output)
    for title, path, what in (
        (
            "Measured on real images",
            quality,
            "`python benchmarks/quality.py`; value ± spread over seeds (95 % interval).",
        ),
        ("Hallucination audit", audit, "`python benchmarks/audit.py`; objects that appear, vanish or move."),
    ):
        found = sections(path)
        parts += [f"## {title}", what, found] if found else []
    (output / "models.md").write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")


def _overview(bundled: Sequence[NamedCheckpoint]) -> str:
    rows = [
        [f"[`{one.name}`](#{_anchor(one.name)})", _what(card), _megabytes(one.path), _millions(one.path)]
        for one in bundled
        if (card := one.card) is not None
    ]
    return table(["checkpoint", "what it does", "size", "weights"], rows)


def _section(one: NamedCheckpoint, shown: Sequence[Shown], output: Path) -> Iterator[str]:
    card = one.card
    assert card is not None
    yield f"## {one.name}"
    yield f"{_what(card)}. {card.description}".strip()
    yield table(["", ""], [[name, value] for name, value in _facts(one, card) if value])
    for picture in shown:
        yield f"![{one.name}]({picture.path.relative_to(output).as_posix()})"
        yield picture.caption
    yield from _told(one, card)


def refreshed(page: str) -> str:
    """Return a page on which measures and known failures of every checkpoint are those of its card and of the notes."""
    for one in _bundled():
        assert one.card is not None
        start = page.index(f"\n## {one.name}\n") + 1
        end = page.find("\n## ", start)
        end = len(page) if end < 0 else end
        said = min(found for head in (_MEASURED, _FAILURES) if (found := page.find(head, start, end)) > 0)
        page = f"{page[:said]}{chr(10).join(f'{part}{chr(10)}' for part in _told(one, one.card))}{page[end:]}"
    return page


def _bundled() -> list[NamedCheckpoint]:
    return [one for one in named_checkpoints() if one.name.startswith("sample:") and one.card is not None]


def _told(one: NamedCheckpoint, card: Card) -> Iterator[str]:
    """What was measured, by the card, and what is known of failures."""
    if card.quality:
        rows = [
            [m.metric, f"{m.value:.3f}", m.data, f"`{m.command}`" if m.command else ""] for m in card.quality
        ]
        yield _MEASURED
        yield table(["measure", "value", "on", "command"], rows)
    yield _FAILURES
    yield _note(one.name)


def _facts(one: NamedCheckpoint, card: Card) -> list[tuple[str, str]]:
    training = card.training
    return [
        ("takes", _grid(card.source)),
        ("makes", _grid(card.target)),
        ("classes", ", ".join(f"{c.value} {c.name}" for c in card.classes)),
        ("file", f"{_megabytes(one.path)}, {_millions(one.path)} weights, {_precision(one.path)}"),
        ("network", card.family),
        ("trained", _trained(card)),
        ("data", "; ".join(training.data)),
        ("licence of the data", training.licence),
        ("licence", card.licence),
        ("reproduced by", f"`{training.command}`" if training.command else ""),
    ]


def _trained(card: Card) -> str:
    training = card.training
    steps = f"{training.steps:,} steps" if training.steps else ""
    seed = f"seed {training.seed}" if training.seed is not None else ""
    return ", ".join(part for part in (steps, seed, training.date) if part)


def _what(card: Card) -> str:
    source = card.source.name if card.source else "unknown images"
    if card.kind == "translator":
        return f"{source} → {card.target.name if card.target else '?'}"
    return f"{', '.join(one.name for one in card.classes if one.value)} on {source}"


def _grid(modality: Modality | None) -> str:
    if modality is None:
        return ""
    sizes = [
        f"{modality.pixel_size_um:g} µm per pixel" if modality.pixel_size_um else "",
        f"objects of {modality.object_size_px:g} pixels" if modality.object_size_px else "",
    ]
    return ", ".join(part for part in (modality.name, *sizes) if part)


def _curves(one: NamedCheckpoint, runs: Path | None, images: Path) -> list[Shown]:
    name = one.name.partition(":")[2]
    folder = folder_of(runs, name) if runs is not None else None
    path = images / f"model-{name}-curves.svg"
    if folder is not None:
        write_curves(folder, path)
    return [Shown(path, "The training.")] if path.exists() else []


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


def _millions(path: Path) -> str:
    with safe_open(path, "np") as file:
        count = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return f"{count / 1e6:.2f} million"


def _precision(path: Path) -> str:
    with safe_open(path, "np") as file:
        kinds = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    return ", ".join(sorted(kinds))


def _note(name: str) -> str:
    """What the notes say under the heading of a checkpoint."""
    text = NOTES.read_text(encoding="utf-8") if NOTES.exists() else ""
    found = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return (found.group(1).strip() if found else "") or "Not looked at yet."


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, help="folder with the folders of the trainings")
    parser.add_argument("--quality", type=Path, default=Path("runs/quality.json"))
    parser.add_argument("--audit", type=Path, default=Path("runs/audit.json"))
    parser.add_argument("--output", type=Path, default=HERE, help="folder for models.md and images/")
    parser.add_argument("--cards", action="store_true", help="only what cards and notes say")
    return parser.parse_args()


if __name__ == "__main__":
    args = _arguments()
    if args.cards:
        page = args.output / "models.md"
        page.write_text(refreshed(page.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        main(args.runs, args.quality, args.audit, args.output)
    sys.exit(0)
