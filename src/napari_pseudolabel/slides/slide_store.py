"""The folder of a run on a large image: what was labelled, how sure the models were, and which parts are done."""

from __future__ import annotations

import json
import os
import shutil
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.errors import FileError, InputError
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.plane_key import sum_of
from napari_pseudolabel.imaging.pyramid import NgffVersion, Pyramid, open_group
from napari_pseudolabel.labels.evidence import Evidence
from napari_pseudolabel.labels.windows import Index, Window, key_of
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.options import read, written
from napari_pseudolabel.strategies.description import PseudoLabel, RunReport
from napari_pseudolabel.strategies.label_settings import Region
from napari_pseudolabel.types import Array, JsonObject
from napari_pseudolabel.workspace.atomic import write_text
from napari_pseudolabel.workspace.lock import Hold

if TYPE_CHECKING:
    import zarr

JOB, JOURNAL, LOCK, SURE = "job.json", "parts.jsonl", ".lock", "sure"
"""Names in the folder; all of them go when the run is complete."""
RUNS = "runs.json"
"""Provenance of the runs that wrote into a folder that takes any."""
CLASSES = "classes.json"
"""What a person calls the classes of such a folder, those that were added included."""
HUMAN, FLAGS = "human", "flags"
"""Names of what a person decided: class values, and whether they were corrected or confirmed."""
_MADE = ("zarr.json", ".zgroup", ".zattrs", JOURNAL, SURE)
_SURE = 254  # of an 8-bit confidence: 0 is for what was not predicted
_OF_PARTS = ("tile", "overlap", "batch", "device", "shift_px", "notes", "seconds")


@dataclass(frozen=True)
class DonePart:
    """A part that is in the store.

    Attributes
    ----------
    plane, region
        Where.
    read
        Which pixels of the image it depends on.
    pixels, values
        Sums (CRC-32) over these, and over what was written.
    report
        Of the part, as far as the whole needs it.
    """

    plane: Index
    region: Region
    read: Region
    pixels: int
    values: int
    report: JsonObject

    def told(self, whole: RunReport) -> RunReport:
        """Return the report of the part of a whole."""
        own = {name: self.report[name] for name in _OF_PARTS}
        evidence = self.report["evidence"]
        return replace(
            whole,
            **{
                **own,
                "notes": tuple(own["notes"]),
                "shift_px": None if own["shift_px"] is None else tuple(own["shift_px"]),
            },
            evidence=None if evidence is None else read(Evidence, evidence),
        )


class Watching(Protocol):
    """Keeps something of what a store shows."""

    def forget(self, plane: Index, window: Window) -> None:
        """Hear, in any thread, that something was written into a window of full resolution."""
        ...


class SlideStore:
    """What a run has made until now; one process at a time.

    A part is written first and noted afterwards, with a sum over what was written, so that what a kill or a full disk
    has left half is found and done again. Until the run is complete no program takes the folder for an image.

    Attributes
    ----------
    folder
        Where it is.
    kind
        Of the values: class values of labels, or a translation in [0, 1].
    values
        (..., Y, X): integers, `rest` where nothing was predicted or has arrived; or float32, NaN there.
    sure
        uint8, 0 where nothing was predicted, else 1 + 254 times the confidence; None for translations.
    classes, rest
        Of labels.
    watching
        Those that keep something of what is shown.
    """

    def __init__(self, folder: Path, lock: Hold | None) -> None:
        self.folder = folder
        self._lock = lock
        self.about: JsonObject = _described(folder)
        self.kind: Literal["labels", "image"] = self.about["kind"]
        self.rest: int = self.about["rest"]
        self.classes = tuple(LabelClass.model_validate(one) for one in self.about["classes"])
        import zarr  # the docks know what a store is before there is one

        self.group: zarr.Group = zarr.open_group(str(folder), mode="r+" if lock else "r")
        self.values = Pyramid.of(self.group)
        self.sure = Pyramid.of(self.group[SURE]) if self.kind == "labels" else None  # type: ignore[arg-type]
        self.human = Pyramid.of(found) if isinstance(found := self.group.get(HUMAN), zarr.Group) else None
        self._journal: IO[bytes] | None = None
        self._journal_name = JOURNAL
        self._writing = threading.RLock()
        self.watching: weakref.WeakSet[Watching] = weakref.WeakSet()

    @classmethod
    def create(
        cls,
        folder: Path,
        shape: Sequence[int],
        placement: Placement,
        *,
        classes: Sequence[LabelClass],
        kind: Literal["labels", "image"],
        identity: JsonObject,
        known: JsonObject,
        version: NgffVersion = "0.5",
    ) -> SlideStore:
        """Make an empty one.

        Parameters
        ----------
        folder
            Not there yet, or without anything but what an interrupted `create` has left.
        shape
            (..., Y, X) of the image.
        identity
            What a run must have in common with this one to go on with it, by topic.
        known
            What was found out in the beginning and need not be found out again.

        Raises
        ------
        InputError
            If it cannot be made, or another program is at it.
        """
        lock = _hold(folder)
        most = max((one.value for one in classes), default=0)
        dtype: Any = np.float32 if kind == "image" else np.uint8 if most < 255 else np.uint16
        rest = 0 if kind == "image" else int(np.iinfo(dtype).max)
        letters = placement.letters
        try:
            _empty(folder)
            group = open_group(str(folder), version)
            fill = np.nan if kind == "image" else rest
            Pyramid.create(group, shape, dtype, fill=fill, letters=letters)
            if kind == "labels":
                Pyramid.create(group.create_group(SURE), shape, np.uint8, letters=letters)
            (folder / JOURNAL).write_bytes(b"")
        except OSError as error:
            lock.release()
            raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder.") from error
        except BaseException:
            lock.release()
            raise
        about = {
            "kind": kind,
            "rest": rest,
            "classes": [one.model_dump(mode="json") for one in classes],
            "identity": identity,
            "known": known,
        }
        # Last: without it the folder counts as not begun.
        write_text(folder / JOB, json.dumps(about))
        return cls(folder, lock)

    @classmethod
    def open(cls, folder: Path) -> SlideStore:
        """Open one that `create` has made.

        Raises
        ------
        InputError
            If it is damaged, or another program is at it.
        """
        return cls(folder, _hold(folder))

    @classmethod
    def look(cls, folder: Path) -> SlideStore:
        """Open one to read what is there now, whoever writes into it.

        Raises
        ------
        InputError
            If it is damaged.
        """
        return cls(folder, None)

    def use_journal(self, name: str) -> None:
        """Note parts in another file of the folder from now on: those of another run."""
        with self._writing:
            if self._journal is not None:
                self._journal.close()
            self._journal, self._journal_name = None, name

    def add(self, part: PseudoLabel) -> None:
        """Write a part, and note that it is done; what a person decided there stays."""
        with self._writing:
            self._add(part)
        for plane in part.planes:
            self._tell(plane, part.region.window)

    def _tell(self, plane: Index, window: Window) -> None:
        for one in [*self.watching]:
            one.forget(plane, window)

    def correct(self, plane: Index, window: Window, labels: Array, flags: NDArray[np.uint8]) -> None:
        """Write what a person decided in a part; no run changes it.

        Parameters
        ----------
        labels
            (h, w) class values.
        flags
            (h, w): 0 where nobody decided anything, which takes back what was decided there before.
        """
        with self._writing:
            if self.human is None:
                shape, dtype = self.values.levels[0].shape, self.values.levels[0].dtype
                group = self.group.require_group(HUMAN)
                Pyramid.create(self.group.require_group(FLAGS), shape, np.uint8)
                self.human = Pyramid.create(group, shape, dtype, fill=self.rest)
            Pyramid.of(self.group[FLAGS]).write(plane, window, flags)  # type: ignore[arg-type]
            decided = np.where(flags > 0, labels, self.rest).astype(self.values.levels[0].dtype)
            self.human.write(plane, window, decided)
        self._tell(plane, window)

    def shown(self, plane: Index, window: Window) -> Array:
        """Return the labels (h, w) of a part, those of a person where there are any; `rest` where there are none."""
        return self.shown_at(0, key_of(plane, window))

    def shown_at(self, level: int, key: Any) -> Array:
        """Return a part of a level of what is shown, read from the disk; see `shown`."""
        values: Array = np.asarray(self.values.levels[level][key])
        if self.human is None:
            return values
        decided: Array = np.asarray(self.human.levels[level][key])
        return np.where(decided != self.rest, decided, values)

    def flags_in(self, plane: Index, window: Window) -> NDArray[np.uint8]:
        """Return what a person did in a part, as `correct` was given it."""
        key = key_of(plane, window)
        if self.human is None:
            return np.zeros(self.values.levels[0][key].shape, np.uint8)  # type: ignore[union-attr]
        return np.asarray(Pyramid.of(self.group[FLAGS]).levels[0][key])  # type: ignore[arg-type]

    def _add(self, part: PseudoLabel) -> None:
        (plane,) = part.planes
        assert part.made_of is not None
        read_from, pixels = part.made_of
        window = part.region.window
        if self.kind == "image":
            assert part.translation is not None
            values: Array = part.translation[0]
        else:
            assert part.labels is not None
            assert part.confidence is not None
            predicted = np.isfinite(part.confidence[0])
            dtype = self.values.levels[0].dtype
            values = np.where(predicted, part.labels[0], self.rest).astype(dtype)
            sure = np.nan_to_num(part.confidence[0])
            assert self.sure is not None
            self.sure.write(plane, window, np.where(predicted, 1 + np.rint(sure * _SURE), 0).astype(np.uint8))
        self.values.write(plane, window, values)
        report = {name: getattr(part.report, name) for name in _OF_PARTS}
        evidence = part.report.evidence
        self._note(
            {
                "plane": list(plane),
                "region": _box(part.region),
                "read": _box(read_from),
                "pixels": pixels,
                "values": sum_of(values),
                "report": {**report, "evidence": None if evidence is None else written(evidence)},
            }
        )

    def parts(self) -> Iterator[DonePart]:
        """Yield the parts that were noted, in the order in which they came; a line that was cut off counts for nothing."""
        file = self.folder / self._journal_name
        if not file.exists():
            return
        with file.open("rb") as lines:
            for line in lines:
                with suppress(ValueError, KeyError, TypeError):
                    found = json.loads(line)
                    yield DonePart(
                        tuple(found["plane"]),
                        Region(*found["region"]),
                        Region(*found["read"]),
                        found["pixels"],
                        found["values"],
                        found["report"],
                    )

    def holds(self, part: DonePart) -> bool:
        """Whether the pixels of a part are what was noted of them."""
        key = key_of(part.plane, part.region.window)
        return sum_of(np.asarray(self.values.levels[0][key])) == part.values

    def runs(self) -> list[JsonObject]:
        """Return the provenance of the runs that wrote here, as `note_runs` was given it; empty where nobody noted any."""
        with suppress(OSError, FileError, ValueError, KeyError, TypeError):
            return [dict(one) for one in read_json(self.folder / RUNS)["runs"]]
        return []

    def note_runs(self, runs: Sequence[JsonObject]) -> None:
        """Note which runs wrote here, so that it is known in another session."""
        write_text(self.folder / RUNS, json.dumps({"runs": list(runs)}))

    def named_classes(self) -> tuple[LabelClass, ...]:
        """Return the classes as a person has named them, with those that were added; see `name_classes`."""
        named = {one.value: one for one in self.classes}
        with suppress(OSError, FileError, ValueError, KeyError, TypeError):
            told = read_json(self.folder / CLASSES)["classes"]
            named |= {one.value: one for one in map(LabelClass.model_validate, told)}
        return tuple(named.values())

    def name_classes(self, classes: Sequence[LabelClass]) -> None:
        """Note what a person calls classes, in a region or in the whole; those of the runs are what `classes` says."""
        with self._writing:
            before = self.named_classes()
            after = {one.value: one for one in (*before, *classes)}
            if (*after.values(),) != before:
                dumped = [one.model_dump(mode="json") for one in after.values()]
                write_text(self.folder / CLASSES, json.dumps({"classes": dumped}))

    def close(self) -> None:
        """Let others in."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._lock is not None:
            self._lock.release()

    def _note(self, line: JsonObject) -> None:
        if self._journal is None:
            self._journal = (self.folder / self._journal_name).open("ab")
            if self._journal.tell():  # behind a line that was cut off
                self._journal.write(b"\n")
        self._journal.write(json.dumps(line).encode() + b"\n")
        self._journal.flush()
        os.fsync(self._journal.fileno())


def confidence_of(sure: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the confidence in [0, 1] that stands behind stored values, NaN where nothing was predicted."""
    found = (sure.astype(np.float32) - 1) / np.float32(_SURE)
    found[sure == 0] = np.nan
    return found


def is_begun(folder: Path) -> bool:
    """Whether a run has begun in a folder."""
    return (folder / JOB).is_file()


def _described(folder: Path) -> JsonObject:
    try:
        about = read_json(folder / JOB)
        for name in ("kind", "rest", "classes", "identity", "known"):
            about[name]
    except (OSError, FileError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder} is no unfinished run that can be used; remove it to begin anew."
        ) from error
    return about


def _empty(folder: Path) -> None:
    """Remove what a `create` that was interrupted has left."""
    there = [one for one in folder.iterdir() if one.name != LOCK]
    if others := [one.name for one in there if not (one.name in _MADE or one.name.isdecimal())]:
        raise InputError(f"{folder} holds {others[0]}, which was not made here; choose another name.")
    for one in there:
        if one.is_dir():
            shutil.rmtree(one)
        else:
            one.unlink()


def _hold(folder: Path) -> Hold:
    try:
        folder.mkdir(exist_ok=True)
        return Hold(folder / LOCK)
    except BlockingIOError as error:
        raise InputError(
            f"Another program is labelling into {folder} at this moment; wait for it, or choose another name."
        ) from error
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder.") from error


def _box(region: Region) -> list[int]:
    return [region.y0, region.x0, region.y1, region.x1]
