"""What do crumbs of axon cost, and what do the rules that take them away cost in thin axons?

    python benchmarks/crumbs.py [--data DIR] [--runs DIR] [--markdown]

Axons and myelin of SEM and TEM by the shipped models (adaptation, the proxy where there is one), one look and three flips, pixel
sizes of the files. F1, precision and recall of axons (8-connected, IoU of .5), F1 of fibres, means over images. Chosen on rats 1
and 2 and the first four mice (*chosen on*), reported on the others. Rules:

none          labels as the models give them
islands       whole islands, whatever their classes, below .05 of a disc of the segmenter's object size become background: the rule before
area SHARE    ... and so does every island of axon below that share, or it becomes the myelin around it
sure SHARE    ... where pixels count by how sure models are (`labels.specks.without_crumbs`); .05 is the default
divided       the default, and axons divided where they are narrow, as nuclei are
true size     the default, with the area-weighted median axon of the *predicted image* in place of the disc

Below the table: how many axons that people drew, and that touch no edge, each share would take if models drew them alike.
Predictions are kept in RUNS.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray
from quality_cases import Case, axon_cases
from quality_tables import Sheet
from quality_training import Bench, adapter
from recipes import axons
from scipy import ndimage as ndi

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange, resample_to
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.labels.metrics import detections
from napari_pseudolabel.labels.objects import FIBRE, scheme_for, to_instances
from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.specks import specks, without_crumbs
from napari_pseudolabel.labels.windows import rims
from napari_pseudolabel.models import load_segmenter, resolve
from napari_pseudolabel.models.segmenters.base import of_limits
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.ensemble import SegmenterInput, members

NAMES = {one.name: one.value for one in AXON_CLASSES if one.value}
SCHEME = scheme_for(AXON_CLASSES)
(PAIR,) = SCHEME.fibres
CHOSEN_ON = ("sub-rat1", "sub-rat2", "sub-366A", "sub-367A", "sub-368A", "sub-369B")
SHARES = (0.02, 0.05, 0.1)
RULES = (
    "none",
    "islands",
    *(f"area {share:g}" for share in SHARES),
    *(f"sure {share:g}" for share in SHARES),
    "divided",
    "true size",
)
Plane = NDArray[np.uint8]


@dataclass(frozen=True)
class Way:
    """How an image set is labelled."""

    name: str
    images: str
    segmenter: str
    translator: str | None = None


WAYS = (
    Way("SEM, proxy", "SEM", "sample:sem-proxy"),
    Way("SEM, adaptation", "SEM", "sample:tem-axons", "sample:sem-to-tem"),
    Way("TEM, adaptation", "TEM", "sample:sem-axons", "sample:tem-to-sem"),
    Way("TEM, own segmenter", "TEM", "sample:tem-axons"),
)


@dataclass(frozen=True, eq=False)
class Predicted:
    """What models say about one image, on its own pixels.

    Attributes
    ----------
    probabilities
        (C, H, W) float32, mean over the looks.
    disc_px
        Area of a disc of the segmenter's object size.
    """

    case: Case
    probabilities: NDArray[np.float32]
    disc_px: float


def predicted(way: Way, cases: Sequence[Case], bench: Bench) -> Iterator[Predicted]:
    """Every image, predicted once."""
    model = load_segmenter(resolve(way.segmenter))
    made = None if way.translator is None else adapter(bench, resolve(way.translator))
    for case in cases:
        path = bench.folder / f"{way.name.replace(', ', '-').replace(' ', '-')}--{case.plane.name}.npz"
        if not path.exists():
            look = case.plane.image
            if made is not None:
                look = made.segmenter_images(look, (0, 0), Control())[0][0]
            onto = partial(resample_to, shape=case.truth.shape)
            given = SegmenterInput(model, look[None], of_limits(IntensityRange(0.0, 1.0)), onto)
            found = [one for _, one in members(given, LabelSettings(), control=Control())]
            path.parent.mkdir(parents=True, exist_ok=True)
            mean = np.mean(found, axis=0).astype(np.float16)
            np.savez_compressed(path, prob=mean, look=np.array(look.shape))
        kept = np.load(path)
        assert model.card.source is not None
        assert model.card.source.object_size_px is not None
        on_grid = math.pi / 4 * model.card.source.object_size_px**2
        disc = on_grid * case.truth.size / float(np.prod(kept["look"]))
        yield Predicted(case, kept["prob"].astype(np.float32), disc)


def ruled(one: Predicted, rule: str) -> tuple[Plane, NDArray[np.int32]]:
    """Classes and objects by one of `RULES`."""
    labels = one.probabilities.argmax(axis=0).astype(np.uint8)
    sure = one.probabilities.max(axis=0)
    name, _, share = rule.rpartition(" ")
    disc = one.disc_px
    if name == "area":
        labels = without_crumbs(labels, np.ones_like(sure), float(share) * disc, PAIR)
    elif name == "sure":
        labels = without_crumbs(labels, sure, float(share) * disc, PAIR)
    elif rule in ("divided", "true size"):
        if rule == "true size":
            areas = np.sort(_areas(labels == PAIR.inner))
            disc = float(areas[np.searchsorted(np.cumsum(areas), areas.sum() / 2)])
        labels = without_crumbs(labels, sure, 0.05 * disc, PAIR)
    if rule != "none":
        labels = np.where(specks(labels, 0.05 * one.disc_px), np.uint8(0), labels)
    objects = to_instances(labels, SCHEME)
    if rule == "divided":
        inner = labels == PAIR.inner
        nuclei = to_instances(inner.astype(np.uint8), type(SCHEME)(touching=(1,)), sure)
        objects = np.where(inner, nuclei, objects + nuclei.max() * (objects > 0))
    return labels, objects


def _areas(mask: NDArray[np.bool_], *, whole: bool = False) -> NDArray[np.int64]:
    """Pixels of every island; only of those that touch no edge if `whole`."""
    islands, _ = ndi.label(mask, SQUARE)
    areas = np.bincount(islands.ravel())
    areas[0] = 0
    if whole:
        for rim in rims(islands):
            areas[rim] = 0
    return areas[areas > 0]


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/crumbs"),
    markdown: bool = typer.Option(False, "--markdown", help="Print the tables as Markdown."),
) -> None:
    """Measure and print the tables."""
    bench = Bench(data, runs, 0)
    for way in WAYS:
        modality = axons.SEM if way.images == "SEM" else axons.TEM
        cases = axon_cases(data, modality)
        scores: dict[tuple[str, bool], list[tuple[float, ...]]] = defaultdict(list)
        lost: dict[float, list[int]] = defaultdict(list)
        for one in predicted(way, cases, bench):
            chosen = one.case.group in CHOSEN_ON
            drawn = _areas(one.case.truth == PAIR.inner, whole=True)
            real = to_instances(one.case.truth, SCHEME)
            for share in SHARES:
                lost[share] += [int((drawn < share * one.disc_px).sum()), len(drawn)]
            for rule in RULES:
                labels, objects = ruled(one, rule)
                found = detections(labels, one.case.truth, NAMES, instances=(objects, real))
                axon = found["axon"]
                # Divided axons share their sheaths, so they make no fibres.
                fibre = math.nan if rule == "divided" else found[FIBRE].f1
                scores[rule, chosen].append((axon.f1, axon.precision, axon.recall, fibre))
        rows = [
            [
                rule,
                *(
                    "" if math.isnan(value) else f"{value:.3f}"
                    for chosen in (True, False)
                    for value in np.mean(scores[rule, chosen], axis=0)
                ),
            ]
            for rule in RULES
        ]
        heads = [
            f"{measure}, {where}"
            for where in ("chosen on", "others")
            for measure in ("F1 axon", "precision", "recall", "F1 fibre")
        ]
        told = ", ".join(f"{sum(lost[share][::2])} below {share:g}" for share in SHARES)
        note = f"Of {sum(lost[SHARES[0]][1::2])} axons that people drew: {told} of the disc."
        counts = [len(scores["none", chosen]) for chosen in (True, False)]
        title = f"{way.name} ({counts[0]} images chosen on, {counts[1]} others)"
        Sheet(title, ["rule", *heads], rows, [note]).show(markdown=markdown)


if __name__ == "__main__":
    typer.run(main)
