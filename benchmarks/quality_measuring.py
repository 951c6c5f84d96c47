"""What every method of `quality.py` scores on every image, kept so that it is measured once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quality_cases import Case
from quality_directions import Direction, found
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
from napari_pseudolabel.imaging import IntensityRange, resample_to
from napari_pseudolabel.labels.metrics import counted, evaluate
from napari_pseudolabel.labels.object_size import least_area
from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.models import load_segmenter, load_translator
from napari_pseudolabel.models.evaluations import mode_of
from napari_pseudolabel.models.segmenters.base import Segmenter, of_limits
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.ensemble import Segmentation, SegmenterInput, segment_ensemble
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
METHODS = (BOUND, *TRIVIAL, ADAPTATION, TUTORSHIP, *LONG_TRIVIAL, SHIPPED_ADAPTATION, SHIPPED_TUTORSHIP)
_OF_SHIPPED = (SHIPPED_INVERSION, SHIPPED_MATCH, GREY_ADAPTATION, SHIPPED_ADAPTATION)
# The default, for all methods alike.
INFERENCE = LabelSettings()

Plane = NDArray[np.float32]
# What a method makes of a target image before it is segmented, (H, W) in [0, 1].
Look = Callable[[Case], Plane]


def missing(direction: Direction, method: str) -> str | None:
    """Why a method cannot be measured; None if it can."""
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


def measure(bench: Bench, direction: Direction, seeds: Sequence[int]) -> None:
    """Score all methods, as far as that has not been done."""
    everything = direction.target.cases(bench.data)
    cases = [case for case in everything if case.scored]
    with_seeds = {
        **dict.fromkeys((BOUND, *TRIVIAL, ADAPTATION, TUTORSHIP), seeds),
        **dict.fromkeys((*LONG_TRIVIAL, SHIPPED_ADAPTATION, SHIPPED_TUTORSHIP), seeds[:1]),
    }
    looks = _looks(bench, direction)
    for method in METHODS:
        if missing(direction, method):
            continue
        for seed in with_seeds[method]:
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
    return looks


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
    loaded: dict[Path, Segmenter] = {}
    # What changed labels, or what is counted, since: so that it is measured again.
    since = " crumbs gone, fibres counted, necks of 1 px"
    for case in cases:
        model = model_of(case)
        made_by = f"{digest(model)} {digest(translator) if translator else ''}{_mode(translator)}"
        key = f"{made_by} {INFERENCE.flips} {INFERENCE.smallest_object}{since}"
        path = _folder(bench, direction.name) / _slug(method) / str(seed) / f"{case.plane.name}.json"
        if path.exists() and json.loads(path.read_text())["key"] == key:
            continue
        if model not in loaded:
            loaded[model] = load_segmenter(model)
        look = looks[method](case) if method in looks else case.plane.image
        scores = scored(segmented(loaded[model], look, case.truth.shape), case, loaded[model])
        record = Record(direction.name, method, seed, case.plane.name, case.group, case.held_out, scores)
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


def segmented(model: Segmenter, look: Plane, shape: tuple[int, ...]) -> Segmentation:
    """Labels on the pixels of an image of this shape."""
    wanted = model.card.source
    on_grid = least_area(INFERENCE.smallest_object, wanted.object_size_px if wanted else None)
    return segment_ensemble(
        [
            SegmenterInput(
                model,
                look[None],
                of_limits(IntensityRange(0.0, 1.0)),
                partial(resample_to, shape=(shape[0], shape[1])),
            )
        ],
        INFERENCE,
        control=Control(),
        least_px=on_grid * (shape[0] * shape[1]) / look.size,
    )


def scored(made: Segmentation, case: Case, model: Segmenter) -> dict[str, float]:
    """Dice of every class, and F1 of what people count: axons and fibres, or objects of each class."""
    classes = {label_class.name: label_class.value for label_class in model.classes if label_class.value}
    foreground = np.where(made.labels, made.confidence, 1 - made.confidence)
    objects = to_instances(made.labels, scheme_for(model.classes), foreground)
    found = evaluate(made.labels, case.truth, classes, instances=(objects, case.instances))
    scores = {f"Dice {name}": value for name, value in found.dice.items()}
    return scores | {f"F1 {name}": found.objects[name].f1 for name in counted(classes)}


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
