"""A run whose parts are kept on disk as they come, and which goes on with those that are there."""

from __future__ import annotations

import itertools
import json
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.plane_key import sum_of
from napari_pseudolabel.imaging.pyramid import NgffVersion
from napari_pseudolabel.imaging.statistics import Moments
from napari_pseudolabel.labels.windows import Index
from napari_pseudolabel.options import read, written
from napari_pseudolabel.slides.slide_store import DonePart, SlideStore, is_begun
from napari_pseudolabel.strategies.chunks import Chunk, ViewCentre
from napari_pseudolabel.strategies.description import PseudoLabel, RunReport
from napari_pseudolabel.strategies.found_scale import FoundScale
from napari_pseudolabel.strategies.label_plan import ChunkJob, LabelPlan
from napari_pseudolabel.strategies.label_settings import Region
from napari_pseudolabel.strategies.survey import Survey
from napari_pseudolabel.types import JsonObject

# What decides about labels, and how a sentence calls it.
_TOPICS = {
    "image": "another image, or other channels",
    "models": "other models",
    "settings": "other settings",
    "part": "another region or other planes",
    "version": "another version of this program",
    "intensities": "other pixels: the image was changed",
    "scale": "another scale",
}


class SlideRun:
    """Keeps the parts of one job in a folder (`strategies.jobs.KeptParts`).

    Where the folder holds an unfinished run of the same job, that goes on: parts that are there are not computed again,
    after the pixels of the image they came from, and they themselves, were found to be as they were.

    Parameters
    ----------
    folder
        Of the `SlideStore`; made when the image is cut.
    version
        Of OME-Zarr, for a new one.
    mixed
        Whether the folder takes any run on the image one after the other, as a window does: each writes over what others
        made, and goes on with its own parts as far as they are still there. Runs with other classes have folders of their own.
    """

    def __init__(
        self,
        folder: Path,
        version: NgffVersion = "0.5",
        *,
        mixed: bool = False,
        lent: SlideStore | None = None,
    ) -> None:
        self.folder = folder
        self._mixed, self._lent = mixed, lent
        self._version: NgffVersion = version
        self._store: SlideStore | None = None
        self._lock = threading.Lock()

    @property
    def store(self) -> SlideStore:
        """What was kept; there is none before the image is cut."""
        assert self._store is not None
        return self._store

    def known(self, survey: Survey) -> Survey:
        """Return a survey with what an unfinished run has found out about the image by the same models."""
        if self._mixed or (self._store is None and not is_begun(self.folder)):
            return survey
        store = self._opened()
        if store.about["identity"]["models"] != _plain(_models(survey)):
            return survey
        told = store.about["known"]
        if survey.found is None and told["found"] is not None:
            survey = replace(survey, found=read(FoundScale, told["found"]))
        if survey.translated is None and told["translated"] is not None:
            survey = replace(survey, translated=read(Moments, told["translated"]))
        return survey

    def continued(self, plan: LabelPlan, control: Control) -> LabelPlan:
        """Return what is left to do of a plan.

        Raises
        ------
        InputError
            If the folder holds an unfinished run of something else, or cannot be used.
        """
        identity = _plain(_identity(plan))
        if self._mixed:
            return self._left(plan, self._for(plan, identity), control)
        if self._store is None and not is_begun(self.folder):
            self._store = self._created(plan, identity)
        store = self._opened()
        before = store.about["identity"]
        other = [words for topic, words in _TOPICS.items() if before.get(topic) != identity[topic]]
        if other:
            raise InputError(
                f"{self.folder} holds an unfinished run with {other[0]}; go on with what it was begun with, or remove that "
                "folder to begin anew."
            )
        return self._left(plan, store, control)

    def _for(self, plan: LabelPlan, identity: JsonObject) -> SlideStore:
        """Return a store of the same classes, with the journal of this very run."""
        wanted, base = plan.survey.classes, self.folder
        lent = self._lent
        if lent is not None and lent.classes == wanted:
            self._store = lent
        for number in itertools.count(1):
            if self._store is not None:
                break
            self.folder = base if number == 1 else base.with_name(f"{base.name}-{number}")
            if not is_begun(self.folder):
                self._store = self._created(plan, identity)
            elif lent is None or lent.folder != self.folder:
                self._store = SlideStore.open(self.folder)
                if self._store.classes != wanted:
                    self._store.close()
                    self._store = None
        store = self.store
        self.folder = store.folder
        store.use_journal(f"parts-{zlib.crc32(json.dumps(identity).encode()):08x}.jsonl")
        return store

    def _left(self, plan: LabelPlan, store: SlideStore, control: Control) -> LabelPlan:
        noted = self._checked(plan, store, control)
        cut = {(chunk.plane, chunk.region) for chunk in plan.chunks}
        done = {place: one for place, one in noted.items() if place in cut}
        # Of a window, which cuts what lies near the view into smaller parts.
        smaller = {place: one for place, one in noted.items() if place not in cut}
        left = []
        for chunk in plan.chunks:
            place = chunk.plane, chunk.region
            if place in done:
                continue
            inside = _filling(chunk, smaller)
            done |= inside
            left += [] if inside else [chunk]
        rest = {place: one.told(plan.report) for place, one in smaller.items() if place not in done}
        own = {name: value for name, value in vars(plan).items() if name != "chunks"}
        earlier = tuple(one.told(plan.report) for one in done.values())
        return SlidePlan(**own, chunks=tuple(left), run=self, earlier=earlier, smaller=rest)

    def add(self, part: PseudoLabel) -> None:
        """Keep a part that a worker has made."""
        with self._lock:
            self.store.add(part)

    @property
    def mixed(self) -> bool:
        """Whether the folder takes any run on the image."""
        return self._mixed

    def close(self) -> None:
        """Leave the folder as it is; another run may go on with it."""
        if self._store is not None:
            self._store.close()

    def _opened(self) -> SlideStore:
        if self._store is None:
            self._store = SlideStore.open(self.folder)
        return self._store

    def _created(self, plan: LabelPlan, identity: JsonObject) -> SlideStore:
        survey, image = plan.survey, plan.job.image
        found = survey.found
        known = {
            "found": None if found is None else written(found),
            "translated": None if survey.translated is None else written(survey.translated),
        }
        return SlideStore.create(
            self.folder,
            image.shape,
            image.placement,
            classes=survey.classes,
            kind="labels" if survey.segmenters else "image",
            identity=identity,
            known=known,
            version=self._version,
        )

    def _checked(
        self, plan: LabelPlan, store: SlideStore, control: Control
    ) -> dict[tuple[Index, Region], DonePart]:
        """Return the parts that need not be done again."""
        noted = {(one.plane, one.region): one for one in store.parts()}
        stage = control.stage("Checking what was labelled before", len(noted)) if noted else None
        for place, one in [*noted.items()]:
            if not store.holds(one):
                del noted[place]
            elif sum_of(plan.pixels(one.plane, one.read)) != one.pixels:
                if self._mixed:
                    del noted[place]
                    continue
                raise InputError(
                    f"{plan.job.image.name} was changed since it was labelled in part; remove {self.folder} to begin anew."
                )
            assert stage is not None
            stage.advance(1)
        return noted


@dataclass(frozen=True, eq=False)
class SlidePlan(LabelPlan):
    """What is left of a plan.

    Attributes
    ----------
    run
        What keeps its parts.
    earlier
        Reports of the parts that were there.
    smaller
        Those of smaller parts that were there, in what is left.
    """

    run: SlideRun = None  # type: ignore[assignment]
    earlier: tuple[RunReport, ...] = ()
    smaller: Mapping[tuple[Index, Region], RunReport] = field(default_factory=dict)

    def begun_at(self, focus: ViewCentre | None) -> LabelPlan:
        """Return the same plan where it must find all its parts again: every view would cut it in another way.

        Where somebody waits at a window, the small first part is worth that it is done once more.
        """
        if not (self.run.mixed and self.chunks):
            return self
        begun = super().begun_at(focus)
        known = [one for one in begun.chunks if (one.plane, one.region) in self.smaller]
        told = tuple(self.smaller[one.plane, one.region] for one in known)
        left = tuple(one for one in begun.chunks if (one.plane, one.region) not in self.smaller)
        return replace(self, chunks=left, first=begun.first, earlier=(*self.earlier, *told))

    def draft(self, focus: ViewCentre | None) -> ChunkJob | None:
        """Return what shows something soon where the person looks; None where parts are there already."""
        return None if self.earlier else super().draft(focus)

    def arrived(self, part: PseudoLabel) -> None:
        """Keep a part."""
        self.run.add(part)

    def conclude(self, reports: Sequence[RunReport], seconds: float, ready: float = 0.0) -> RunReport:
        """One report of all parts, those that were there included."""
        before = sum(one.seconds for one in self.earlier)
        return super().conclude([*self.earlier, *reports], before + seconds, ready)


def _filling(
    chunk: Chunk, parts: Mapping[tuple[Index, Region], DonePart]
) -> dict[tuple[Index, Region], DonePart]:
    """Return the parts that together are a chunk; none if they leave some of it out."""
    own = chunk.region
    within = {
        (plane, region): one
        for (plane, region), one in parts.items()
        if plane == chunk.plane
        and own.y0 <= region.y0 < region.y1 <= own.y1
        and own.x0 <= region.x0 < region.x1 <= own.x1
    }
    there = np.zeros(own.shape, bool)
    for _, region in within:
        there[region.within(own)] = True
    return within if there.all() else {}


def _plain(value: Any) -> Any:
    """As it comes back from JSON."""
    return json.loads(json.dumps(value))


def own_version() -> str:
    """Return the version of this program, by which what another one began is told; empty where it is not installed."""
    try:
        return version("napari-pseudolabel")
    except PackageNotFoundError:
        return ""


def _models(survey: Survey) -> list[Any]:
    return [
        [
            model.role,
            model.sha256 or repr(model.ref),
            model.card.model_dump(mode="json"),
        ]
        for model in survey.models
    ]


def _identity(plan: LabelPlan) -> JsonObject:
    """Everything that decides about the labels, by topic; device and batch do not."""
    job, image = plan.job, plan.job.image
    settings = written(job.settings)
    for name in ("device", "batch"):
        settings["tiles"].pop(name)
    return {
        "image": [list(image.data.shape), str(image.data.dtype), image.axes, repr(job.channels(plan.survey))],
        "models": _models(plan.survey),
        "settings": settings,
        "part": [list(vars(job.whole_region).values()), [list(one) for one in job.plane_indices]],
        "version": own_version(),
        "intensities": [[repr(one.channels), repr(one.box)] for one in plan.statistics],
        "scale": list(plan.factors),
    }
