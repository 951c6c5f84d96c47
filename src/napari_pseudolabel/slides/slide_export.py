"""Labels of a large image, with what a person decided, as an OME-Zarr: copied part by part."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import FileError, InputError
from napari_pseudolabel.exporting.companions import PROVENANCE, companions, image_stem
from napari_pseudolabel.exporting.sidecar import sidecar_text
from napari_pseudolabel.exporting.writing import check_replaceable
from napari_pseudolabel.formats import Format
from napari_pseudolabel.formats.ome_zarr import CONFIDENCE, label_marks, letters_of
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.pyramid import Pyramid, describe, open_group
from napari_pseudolabel.labels.classes import LARGEST_VALUE, nameless
from napari_pseudolabel.labels.pixel_states import CONFIRMED, CORRECTED
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.slides.completing import unfinished, with_not_labelled, write_confidence
from napari_pseudolabel.slides.numbered_slide import NUMBERED, number_slide
from napari_pseudolabel.slides.slide_store import LOCK, SlideStore, is_begun
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.workspace.atomic import into_place
from napari_pseudolabel.workspace.lock import Hold

if TYPE_CHECKING:
    import zarr

_MARK = "export.json"


@dataclass(frozen=True, eq=False)
class SlideContent:
    """What is written of the labels of a large image; it can travel to a worker, which reads the folder.

    Attributes
    ----------
    folder
        Of the `SlideStore`; a window may go on to write into it.
    shape
        (..., Y, X) of the labels.
    classes
        As the person has named them.
    provenance
        Of the last run, with all runs that wrote into the folder.
    """

    folder: Path
    shape: tuple[int, ...]
    classes: tuple[LabelClass, ...]
    placement: Placement
    provenance: JsonObject

    def write(
        self, target: Path, format: Format, *, confidence: bool = False, control: Control = Control()
    ) -> tuple[Path, ...]:
        """Write an OME-Zarr and its provenance, both or none; what nobody has labelled has a value of its own.

        It grows in a folder beside it. One that was stopped while objects were numbered goes on with the numbers, as far as the labels
        are what they were.

        Parameters
        ----------
        format
            OME-Zarr, with its options.
        confidence
            Whether that of the models goes into the group ``confidence``.

        Raises
        ------
        InputError
            If it cannot be written, or would replace a folder of somebody else.
        """
        check_replaceable(target, format)
        folder = unfinished(target)
        if is_begun(folder):
            raise InputError(
                f"{folder} holds an unfinished run, which would become {target.name}; choose another name, or remove that folder."
            )
        lock = _held(folder)
        try:
            files = self._written(folder, target, format, confidence, control)
        except BaseException:
            if not (folder / NUMBERED).exists():
                shutil.rmtree(folder, ignore_errors=True)  # all but the numbers is quickly made again
            raise
        finally:
            lock.release()
        for rest in (NUMBERED, LOCK, _MARK):
            (target / rest).unlink(missing_ok=True)
        return files

    def _written(
        self, folder: Path, target: Path, format: Format, confidence: bool, control: Control
    ) -> tuple[Path, ...]:
        letters, beside = letters_of(self.placement), companions(target)
        side, name = beside.paths[PROVENANCE], image_stem(target)
        store = SlideStore.look(self.folder)
        group, labels = _arrays(folder, format, store, letters)
        copied = _Copied.of(store, labels, control)
        classes = self._all_classes(copied.values())
        if confidence and store.sure is not None:
            write_confidence(group, store.sure, name, self.placement, letters, control)
        fields = {**self.provenance, **copied.shares()}
        if format.options.numbers:
            fields["export_notes"] = number_slide(
                folder, group, labels, classes, name, self.placement, format.options, control
            )
        shown = classes
        if copied.labelled < copied.pixels:
            fields |= {"share_labelled": copied.labelled / copied.pixels, "not_labelled": store.rest}
            shown = with_not_labelled(classes, store.rest)
        describe(group, labels, name, self.placement, letters, label_marks(shown))
        told = sidecar_text(
            fields,
            files={"labels": target.name},
            classes=classes,
            placement=self.placement,
            earlier=beside.earlier,
        )
        control.check()
        into_place(folder, target, {side: told})
        return target, side

    def _all_classes(self, values: Iterable[int]) -> tuple[LabelClass, ...]:
        known = {one.value for one in self.classes}
        return (*self.classes, *nameless(v for v in values if v not in known and 0 < v <= LARGEST_VALUE))


def stopped_words(target: Path) -> str:
    """Return what an export that was stopped has kept, as a clause; empty where there is nothing."""
    folder = unfinished(target)
    if not (folder / NUMBERED).exists() or is_begun(folder):
        return ""
    return f"the numbers until now are in {folder.name}, and the same export goes on with them"


def _held(folder: Path) -> Hold:
    """Make the folder of an unfinished export, or take one that is there."""
    try:
        folder.mkdir(exist_ok=True)
        others = {one.name for one in folder.iterdir()} - {LOCK}
        if others and _MARK not in others:
            raise InputError(
                f"{folder} holds {min(others)}, which was not made by an export; choose another name."
            )
        return Hold(folder / LOCK)
    except BlockingIOError as error:
        raise InputError(
            f"Another program is exporting into {folder} at this moment; wait for it, or choose another name."
        ) from error
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder.") from error


def _arrays(folder: Path, format: Format, store: SlideStore, letters: str) -> tuple[zarr.Group, Pyramid]:
    """Return the group and the labels of an export: those of one that was stopped while it numbered objects, or new ones."""
    first, mark = store.values.levels[0], folder / _MARK
    about = {
        "shape": [*first.shape],
        "dtype": str(first.dtype),
        "rest": store.rest,
        "version": format.options.version,
    }
    goes_on = (folder / NUMBERED).exists() and format.options.instances
    with suppress(OSError, FileError, ValueError):
        goes_on = goes_on and read_json(mark) == about
    for one in folder.iterdir():
        if one.is_dir() and (not goes_on or one.name == CONFIDENCE):
            shutil.rmtree(one)
        elif not goes_on and one.name not in (LOCK, _MARK):
            one.unlink()
    mark.write_text(json.dumps(about))
    group = open_group(str(folder), format.options.version)
    if goes_on:
        return group, Pyramid.of(group)
    return group, Pyramid.create(group, first.shape, first.dtype, fill=store.rest, letters=letters)


@dataclass(frozen=True, eq=False)
class _Copied:
    """What was met on the way, so that what is said of a copy is true of this very copy.

    Attributes
    ----------
    counts
        Pixels by value, the last of which is not labelled.
    corrected, confirmed
        Pixels.
    """

    counts: NDArray[np.int64]
    corrected: int
    confirmed: int

    @classmethod
    def of(cls, store: SlideStore, labels: Pyramid, control: Control) -> _Copied:
        """Copy the labels that are shown, those of a person where there are any."""
        counts = np.zeros(store.rest + 1, np.int64)
        corrected = confirmed = 0
        stage = control.stage("Writing the labels", len(bands := [*labels.bands()]))
        for index, window in bands:
            values = np.asarray(store.shown(index, window))
            if store.human is not None:
                flags = store.flags_in(index, window)
                corrected += int(np.count_nonzero(flags & CORRECTED))
                confirmed += int(np.count_nonzero(flags & CONFIRMED))
            labels.write(index, window, values)
            counts += np.bincount(values.ravel(), minlength=len(counts))
            stage.advance(1)
        return cls(counts, corrected, confirmed)

    @property
    def pixels(self) -> int:
        """How many there are."""
        return int(self.counts.sum())

    @property
    def labelled(self) -> int:
        """How many were predicted, or decided by a person."""
        return int(self.counts[:-1].sum())

    def values(self) -> list[int]:
        """Return which labels there are."""
        return np.flatnonzero(self.counts[:-1]).tolist()

    def shares(self) -> JsonObject:
        """Return of how much a person decided, in [0, 1]."""
        return {
            "share_corrected": self.corrected / max(self.pixels, 1),
            "share_confirmed": self.confirmed / max(self.pixels, 1),
        }
