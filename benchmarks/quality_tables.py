"""What `quality.py` shows and writes: tables, JSON, cards."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch
from quality_directions import Direction, found
from quality_measuring import (
    ADAPTATION,
    BOUND,
    GREY_ADAPTATION,
    GREY_TUTORSHIP,
    LONG_TRIVIAL,
    METHODS,
    OURS,
    SHIPPED_ADAPTATION,
    SHIPPED_TUTORSHIP,
    TRIVIAL,
    TUTORSHIP,
    missing,
)
from quality_statistics import Difference, Record, Summary, difference, summary
from quality_strategies import ELSEWHERE
from rich.console import Console
from rich.table import Table
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from napari_pseudolabel.models.card_files import HEADER_KEY, atomic_write, read_header_card
from napari_pseudolabel.models.cards import Card, Measure
from napari_pseudolabel.workspace import write_text

COMMAND = "python benchmarks/quality.py --cards"


@dataclass(frozen=True)
class Sheet:
    """A table that can be printed and pasted."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def show(self, *, markdown: bool) -> None:
        """Print it."""
        if markdown:
            print(f"**{self.title}**\n")
            for cells in (self.heads, ["---"] * len(self.heads), *self.rows):
                print("| " + " | ".join(cells) + " |")
            print("".join(f"\n- {note}" for note in self.notes) + "\n")
            return
        table = Table(*self.heads, title=self.title, title_justify="left")
        for cells in self.rows:
            table.add_row(*cells)
        console = Console(width=160)
        console.print(table)
        for note in self.notes:
            console.print(f"  {note}", highlight=False)


Results = Mapping[str, Sequence[Record]]
"""Records by method, of one direction."""


def by_method(records: Sequence[Record], direction: Direction) -> dict[str, list[Record]]:
    """Those of one direction."""
    own = [record for record in records if record.direction == direction.name]
    return {method: rows for method in METHODS if (rows := [r for r in own if r.method == method])}


def measures(results: Results) -> list[str]:
    """What was measured, Dice first."""
    return list(dict.fromkeys(name for rows in results.values() for name in rows[0].scores))


def sheet(direction: Direction, results: Results) -> Sheet:
    """The table of one direction."""
    names = measures(results)
    heads = ["method"]
    for name in names:
        heads += [name, "95 % CI", "held out"]
    rows = []
    for method in METHODS:
        if method in results:
            cells = [_cells(summary(results[method], name)) for name in names]
            count = len({record.seed for record in results[method]})
            rows.append([method, *(cell for three in cells for cell in three), str(count)])
        else:
            why = missing(direction, method) or "not measured"
            rows.append([method, why, *[""] * (3 * len(names))])
    images = {record.image: record for rows in results.values() for record in rows}
    unseen = sum(record.held_out for record in images.values())
    title = f"{direction.name} ({len(images)} images, {unseen} held out)"
    elsewhere = [f"strategy {name}: {where}" for name, where in ELSEWHERE.items()]
    return Sheet(title, [*heads, "seeds"], rows, [*_notes(results), *elsewhere])


def _cells(found: Summary) -> tuple[str, str, str]:
    value = f"{found.value:.3f}" + (f" ± {found.spread:.3f}" if found.seeds > 1 else "")
    return value, f"{found.low:.3f} to {found.high:.3f}", f"{found.held_out:.3f}"


def _notes(results: Results) -> Iterator[str]:
    for one in differences(results):
        where = f"the {one['images']} held-out images" if one["held_out"] else f"all {one['images']} images"
        yield (
            f"{one['method']} minus {one['baseline']}, {one['measure']}, {where}: "
            f"{one['value']:+.3f}{_interval(one)}"
        )


def _interval(one: Mapping[str, Any]) -> str:
    """Empty for a single image."""
    return "" if math.isnan(one["low"]) else f" ({one['low']:+.3f} to {one['high']:+.3f})"


def differences(results: Results) -> Iterator[dict[str, Any]]:
    """Each of our methods minus the trivial baseline that is best by the same measure on the same images.

    What is shipped was trained longer, so it is held against trivial baselines that were, too.
    """
    for held_out in (False, True):
        chosen = {
            method: picked
            for method, rows in results.items()
            if (picked := [row for row in rows if row.held_out or not held_out])
        }
        for method in OURS:
            trivial = [rival for rival in rivals(method) if rival in chosen]
            if method not in chosen or not trivial:
                continue
            for name in measures(chosen):
                values = {other: summary(chosen[other], name).value for other in trivial}
                best = max(values, key=lambda other: values[other])
                one: Difference = difference(chosen[method], chosen[best], name)
                which = {"method": method, "baseline": best, "measure": name, "held_out": held_out}
                yield which | asdict(one)


def rivals(method: str) -> tuple[str, ...]:
    """The trivial baselines that one of our methods is held against."""
    return (*TRIVIAL, *LONG_TRIVIAL) if method in (SHIPPED_ADAPTATION, SHIPPED_TUTORSHIP) else TRIVIAL


def write_json(path: Path, directions: Sequence[Direction], records: Sequence[Record], steps: int) -> None:
    """Everything that was measured, and what follows from it."""
    content: dict[str, Any] = {**about(), "steps": steps, "directions": {}}
    for direction in directions:
        results = by_method(records, direction)
        names = measures(results)
        content["directions"][direction.name] = {
            "rows": {m: {n: asdict(summary(rows, n)) for n in names} for m, rows in results.items()},
            "differences": list(differences(results)),
            "missing": {m: missing(direction, m) or "not measured" for m in METHODS if m not in results},
        }
    content["records"] = [asdict(record) for record in records]
    dump(path, content)


def about() -> dict[str, str]:
    """When and where."""
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    return {"date": date.today().isoformat(), "machine": machine}


def dump(path: Path, content: dict[str, Any]) -> None:
    """Write JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(_without_nan(content), indent=1, ensure_ascii=False))


def _without_nan(value: Any) -> Any:
    """NaN is no JSON."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def write_cards(direction: Direction, results: Results) -> None:
    """Put the measures into the cards of the shipped checkpoints that carry labels in this direction."""
    served = (
        (direction.adapting, ADAPTATION),
        (direction.tutoring, TUTORSHIP),
        (direction.source.segmenter, SHIPPED_ADAPTATION),
        (direction.proxy, SHIPPED_TUTORSHIP),
        (direction.grey_levels[0], GREY_ADAPTATION),
        (direction.grey_levels[1], GREY_TUTORSHIP),
    )
    for ref, method in served:
        path = found(ref)
        if path is not None and str(ref).startswith("sample:") and method in results:
            _write_card(path, direction, method, results)


def _write_card(path: Path, direction: Direction, method: str, results: Results) -> None:
    """The checkpoint's own measures first, because they are shown where there is room for one; then what they are held against."""
    carried = f"labels carried {direction.name}"
    first = measures(results)[0]
    trivial = max(
        (one for one in rivals(method) if one in results), key=lambda one: summary(results[one], first).value
    )
    shown = [one for one in (method, trivial, BOUND) if one in results]
    new = [
        Measure(
            metric=name if one == method else f"{name} ({one})",
            value=round(summary(results[one], name).value, 3),
            data=f"{carried} by {one}, mean over the {len({r.group for r in results[one]})} groups of the target",
            command=COMMAND,
        )
        for one in shown
        for name in measures(results)
    ]
    # Those of the other direction stay, and so do those of the training.
    _put(path, new, lambda measure: not measure.data.startswith(carried))


def add_measures(path: Path, new: Sequence[Measure], command: str) -> None:
    """Put measures into the card of a checkpoint, behind others but for those of the training, instead of what the command wrote before."""
    if new:
        scripts = command.split()[1]
        _put(
            path,
            new,
            lambda measure: scripts not in measure.command,
            before=lambda measure: bool(measure.command),
        )


def _put(
    path: Path,
    new: Sequence[Measure],
    stays: Callable[[Measure], bool],
    before: Callable[[Measure], bool] = lambda measure: False,
) -> None:
    card = Card.model_validate(read_header_card(path))
    old = [measure for measure in card.quality if stays(measure)]
    quality = (*filter(before, old), *new, *(one for one in old if not before(one)))
    card = card.model_copy(update={"quality": quality})
    header = {HEADER_KEY: json.dumps(card.model_dump(mode="json", exclude_none=True), ensure_ascii=False)}
    atomic_write(path, to_bytes(load_file(path), header))
