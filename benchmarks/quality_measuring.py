"""What every method of `quality.py` scores on every image, kept so that it is measured once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import quality_rivals
import quality_strategies
from quality_cases import Case
from quality_directions import Direction, found
from quality_rivals import RIVALS
from quality_scores import INFERENCE, Plane, scored, segmented
from quality_statistics import Record
from quality_training import (
    Bench,
    adapter,
    bound_segmenters,
    digest,
    matched,
    plainly_tutored_segmenter,
    reference,
    source_segmenter,
    tutored_segmenter,
)

from napari_pseudolabel.control import Control
from napari_pseudolabel.models import load_segmenter, load_translator, resolve
from napari_pseudolabel.models.evaluations import mode_of
from napari_pseudolabel.models.segmenters.base import Segmenter
from napari_pseudolabel.workspace import write_text

BOUND = "supervised bound"
PLAIN_TUTORSHIP = "invert + match tutorship"
TRIVIAL = ("source only", "match", "inversion", "invert + match", PLAIN_TUTORSHIP)
# With what is shipped, and trained as long as that: what our shipped models must beat.
SHIPPED_INVERSION, SHIPPED_MATCH = "shipped inversion", "shipped invert + match"
LONG_TUTORSHIP = "long invert + match tutorship"
# By the shipped translators that only change grey levels.
GREY_ADAPTATION, GREY_TUTORSHIP = "shipped grey levels", "long grey levels tutorship"
LONG_TRIVIAL = (SHIPPED_INVERSION, SHIPPED_MATCH, GREY_ADAPTATION, LONG_TUTORSHIP, GREY_TUTORSHIP)
ADAPTATION, TUTORSHIP = "SynDiff adaptation", "SynDiff tutorship"
SHIPPED_ADAPTATION, SHIPPED_TUTORSHIP = "shipped adaptation", "shipped tutorship"
OURS = (ADAPTATION, SHIPPED_ADAPTATION, SHIPPED_TUTORSHIP, TUTORSHIP)
_TRAINED = (BOUND, *TRIVIAL, ADAPTATION, TUTORSHIP)
STRATEGIES = quality_strategies.rows()
METHODS = (*_TRAINED, *LONG_TRIVIAL, SHIPPED_ADAPTATION, SHIPPED_TUTORSHIP, *RIVALS, *STRATEGIES)
_OF_SHIPPED = (SHIPPED_INVERSION, SHIPPED_MATCH, GREY_ADAPTATION, SHIPPED_ADAPTATION, *RIVALS)
# What a method makes of a target image before it is segmented, (H, W) in [0, 1].
Look = Callable[[Case], Plane]


def missing(direction: Direction, method: str) -> str | None:
    """Why a method cannot be measured; None if it can."""
    if method in STRATEGIES:
        return quality_strategies.missing(direction, STRATEGIES[method])
    if method in (ADAPTATION, SHIPPED_ADAPTATION) and found(direction.adapting) is None:
        return "not trained"
    if method == TUTORSHIP and found(direction.tutoring) is None:
        return "not trained"
    shipped = {
        **dict.fromkeys(_OF_SHIPPED, direction.source.segmenter),
        **dict.fromkeys((SHIPPED_TUTORSHIP, LONG_TUTORSHIP, GREY_TUTORSHIP), direction.proxy),
    }
    if method in shipped and found(shipped[method]) is None:
        return f"{shipped[method]} does not exist" if shipped[method] else "nothing is shipped"
    return None


def measure(
    bench: Bench, direction: Direction, seeds: Sequence[int], methods: Sequence[str] = METHODS
) -> None:
    """Score methods, as far as that has not been done."""
    everything = direction.target.cases(bench.data)
    cases = [case for case in everything if case.scored]
    looks = _looks(bench, direction)
    for method in methods:
        if missing(direction, method):
            continue
        if method in STRATEGIES:
            for seed in quality_strategies.seeds(STRATEGIES[method], seeds):
                _score_strategy(bench, direction, method, seed, everything)
            continue
        for seed in seeds if method in _TRAINED else seeds[:1]:
            model_of = _model(bench, direction, method, seed, everything)
            _score(bench, direction, method, seed, cases, model_of, looks)


def _model(
    bench: Bench, direction: Direction, method: str, seed: int, everything: Sequence[Case]
) -> Callable[[Case], Path]:
    """The segmenter that a method uses for an image."""
    if method == BOUND:
        by_group = bound_segmenters(bench, direction.target, everything, seed)
        return lambda case: by_group[case.group]
    if method == PLAIN_TUTORSHIP:
        path = plainly_tutored_segmenter(bench, direction, seed)
    elif method in (LONG_TUTORSHIP, GREY_TUTORSHIP):
        seed = direction.target.recipe.settings.seed
        if method == GREY_TUTORSHIP:
            path = tutored_segmenter(bench, direction, seed, grey_levels=True, long=True)
        else:
            path = plainly_tutored_segmenter(bench, direction, seed, long=True)
    elif method == TUTORSHIP:
        path = tutored_segmenter(bench, direction, seed)
    elif method in (*_OF_SHIPPED, SHIPPED_TUTORSHIP):
        shipped = found(direction.proxy if method == SHIPPED_TUTORSHIP else direction.source.segmenter)
        assert shipped is not None
        path = shipped
    else:
        path = source_segmenter(bench, direction, seed)
    return lambda case: path


def _looks(bench: Bench, direction: Direction) -> dict[str, Look]:
    """How methods change the target image; the others leave it as it is."""
    levels = reference(direction.source.recipe.training(bench.data))
    looks: dict[str, Look] = {
        "match": lambda case: matched(case.plane.image, levels),
        "inversion": lambda case: 1 - case.plane.image,
        "invert + match": lambda case: matched(1 - case.plane.image, levels),
    }
    looks |= {SHIPPED_INVERSION: looks["inversion"], SHIPPED_MATCH: looks["invert + match"]}
    if path := found(direction.adapting):
        looks[ADAPTATION] = looks[SHIPPED_ADAPTATION] = _translated(bench, path)
    if path := found(direction.grey_levels[0]):
        looks[GREY_ADAPTATION] = _translated(bench, path)
    for name in RIVALS:
        looks[name] = partial(_by_rival, bench, direction, name)
    return looks


def _by_rival(bench: Bench, direction: Direction, method: str, case: Case) -> Plane:
    return quality_rivals.look(quality_rivals.trained(bench, direction, method), case.plane.image)


def _score_strategy(
    bench: Bench, direction: Direction, method: str, seed: int, everything: Sequence[Case]
) -> None:
    """Prepare a strategy and score what it labels; what was scored before is known by its request, models included."""
    strategy = STRATEGIES[method]
    asked = quality_strategies.made(bench, direction, strategy, seed, everything)
    model = asked.segmenter or asked.translator
    key = f"{digest(resolve(model)) if model else ''} {asked.settings}"
    for case in (one for one in everything if one.scored):
        path = _folder(bench, direction.name) / _slug(method) / str(seed) / f"{case.plane.name}.json"
        if not _known(path, key):
            told = quality_strategies.score(strategy, asked, case, direction)
            _write(
                path,
                key,
                Record(direction.name, method, seed, case.plane.name, case.group, case.held_out, told),
            )


def _translated(bench: Bench, path: Path) -> Look:
    made = adapter(bench, path, evaluations=INFERENCE.evaluations)
    return lambda case: made.segmenter_images(case.plane.image, (0, 0), Control())[0][0]


def _score(
    bench: Bench,
    direction: Direction,
    method: str,
    seed: int,
    cases: Sequence[Case],
    model_of: Callable[[Case], Path],
    looks: dict[str, Look],
) -> None:
    translator = _translator(direction, method)
    weights = quality_rivals.trained(bench, direction, method) if method in RIVALS else translator
    loaded: dict[Path, Segmenter] = {}
    # What changed labels, or what is counted, since: so that it is measured again.
    since = " crumbs gone, fibres counted, necks of 1 px"
    for case in cases:
        model = model_of(case)
        made_by = f"{digest(model)} {digest(weights) if weights else ''}{_mode(translator)}"
        key = f"{made_by} {INFERENCE.flips} {INFERENCE.smallest_object}{since}"
        path = _folder(bench, direction.name) / _slug(method) / str(seed) / f"{case.plane.name}.json"
        if _known(path, key):
            continue
        if model not in loaded:
            loaded[model] = load_segmenter(model)
        look = looks[method](case) if method in looks else case.plane.image
        scores = scored(segmented(loaded[model], look, case.truth.shape), case, loaded[model])
        record = Record(direction.name, method, seed, case.plane.name, case.group, case.held_out, scores)
        _write(path, key, record)


def _known(path: Path, key: str) -> bool:
    return path.exists() and json.loads(path.read_text())["key"] == key


def _write(path: Path, key: str, record: Record) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps({"key": key, **asdict(record)}))


def _mode(translator: Path | None) -> str:
    """Which mode a run takes; empty for all steps, as it was when there was nothing else."""
    mode = (
        "quality" if translator is None else mode_of(load_translator(translator).card, INFERENCE.evaluations)
    )
    return "" if mode == "quality" else f" {mode}"


def _translator(direction: Direction, method: str) -> Path | None:
    """What translates the target, if anything does."""
    if method == GREY_ADAPTATION:
        return found(direction.grey_levels[0])
    return found(direction.adapting) if method in (ADAPTATION, SHIPPED_ADAPTATION) else None


def collected(bench: Bench) -> Iterator[Record]:
    """Everything that has been measured."""
    for path in sorted((bench.folder / "scores").rglob("*.json")):
        content = json.loads(path.read_text())
        content.pop("key")
        yield Record(**content)


def _folder(bench: Bench, direction: str) -> Path:
    return bench.folder / "scores" / _slug(direction)


def _slug(name: str) -> str:
    return "-".join(name.replace("->", "to").replace("+", "and").split())
