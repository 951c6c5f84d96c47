"""Labelled images translated into the target modality: what a proxy segmenter learns from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.formats.image_sets import case_name
from napari_pseudolabel.imaging import labels_to
from napari_pseudolabel.imaging.reading.file_names import stem
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.training.common.training_events import SyntheticPair
from napari_pseudolabel.training.data.adapted_planes import Adapter
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.nnunet_raw import grey, write_raw
from napari_pseudolabel.training.data.training_inputs import fingerprint

THUMBNAIL_PX = 192
# So many pictures tell how the translations look; more would only travel.
_SHOWN = 24
_TRANSLATING = "Translating the labelled images"


@dataclass(frozen=True, eq=False)
class SyntheticPlane:
    """A labelled plane in the look of the target.

    Attributes
    ----------
    name
        Of the file or layer that it was made from.
    translations
        (K, H, W) float32 in [0, 1], one translation per sample, on the target's grid.
    labels
        (H, W) uint8.
    weight
        (H, W) float32, 0 where nothing is known; None if everything is.
    held_out
        (H, W) bool, pixels that never train; None if all may.
    """

    name: str
    translations: NDArray[np.float32]
    labels: NDArray[np.uint8]
    weight: NDArray[np.float32] | None
    held_out: NDArray[np.bool_] | None

    def train(self) -> list[LabelledPlane]:
        """All samples, for training; none if no pixel may train."""
        weight = self.train_weight
        if weight is not None and not weight.any():
            return []
        return [
            LabelledPlane(f"synthetic {self.name}", look, self.labels, weight) for look in self.translations
        ]

    @property
    def train_weight(self) -> NDArray[np.float32] | None:
        """(H, W) float32, 0 where pixels never train or nothing is known; None if all may."""
        if self.held_out is None:
            return self.weight
        known = np.ones(self.labels.shape, np.float32) if self.weight is None else self.weight
        return np.where(self.held_out, np.float32(0), known)

    def validate(self, *, only_held_out: bool = False) -> LabelledPlane | None:
        """Return the first sample, for validation; None if no pixel counts.

        Parameters
        ----------
        only_held_out
            Count only the pixels that never train, because the others do.
        """
        weight = self.weight
        if only_held_out:
            kept = np.zeros(self.labels.shape, bool) if self.held_out is None else self.held_out
            weight = kept.astype(np.float32)
        if weight is not None and not weight.any():
            return None
        return LabelledPlane(f"synthetic {self.name}", self.translations[0], self.labels, weight)


def translated(
    planes: Sequence[LabelledPlane], adapter: Adapter, control: Control
) -> tuple[list[SyntheticPlane], tuple[str, ...]]:
    """Translate labelled planes, or read what was translated before; tells `SyntheticPair`.

    Every image gets noise of its own, which follows from its content: one seed for all would give the whole
    set as many looks as there are samples.

    Returns
    -------
    list of SyntheticPlane, tuple of str
        In the order of `planes`, and sentences for the person.
    """
    count = _Count(control, sum(labelled_plane.image.size for labelled_plane in planes))
    made: list[SyntheticPlane] = []
    notes: dict[str, None] = {}
    for labelled_plane in planes:
        image = labelled_plane.image
        content = int(fingerprint([image])[:8], 16)
        own = replace(adapter, seed=(adapter.seed + content) % 2**32)
        with count.image(image.size) as inner:
            looks, told = own.segmenter_images(image, (0, 0), inner)
        notes |= dict.fromkeys(told)
        shape = looks.shape[1:]
        plane = SyntheticPlane(
            labelled_plane.name,
            looks,
            labels_to(labelled_plane.labels, shape),
            None if labelled_plane.weight is None else labels_to(labelled_plane.weight, shape),
            None if labelled_plane.kept is None else labels_to(labelled_plane.kept, shape),
        )
        if len(made) < _SHOWN:
            control.emit(_pair(labelled_plane, plane))
        made.append(plane)
    return made, tuple(notes)


class _Count:
    """The progress of all translations together, in pixels."""

    def __init__(self, control: Control, pixels: int) -> None:
        self.control = control
        self.stage = control.stage(_TRANSLATING, pixels)
        self.translated = False

    @contextmanager
    def image(self, pixels: int) -> Iterator[Control]:
        """Hand out the control for the translation of one image."""
        start = self.stage.done

        def report(progress: Progress) -> None:
            self.translated = True
            done = start + pixels * progress.done // max(progress.total, 1)
            # After running out of memory a translation begins anew.
            self.stage.advance(max(done - self.stage.done, 0))

        yield Control(report, self.control.cancelled)
        if self.translated:
            self.stage.advance(start + pixels - self.stage.done)
        else:
            # Read from the disk: that says nothing about the time that the others take.
            self.stage.resume_at(start + pixels)


def _pair(source: LabelledPlane, made: SyntheticPlane) -> SyntheticPair:
    look = made.translations[0]
    # Both on the grid of the translation, so that the same pixels are the same places.
    image = labels_to(source.image, (look.shape[0], look.shape[1]))
    window = _window(made.labels)
    return SyntheticPair(source.name, grey(image[window]), grey(look[window]), made.labels[window].copy())


def _window(labels: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Where to look: the part of the size of a thumbnail that holds the most labelled pixels."""
    sums = np.pad(np.cumsum(np.cumsum(labels > 0, axis=0, dtype=np.int64), axis=1), ((1, 0), (1, 0)))
    height, width = (min(THUMBNAIL_PX, side) for side in labels.shape)
    held = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    y, x = np.unravel_index(int(held.argmax()), held.shape)
    return slice(int(y), int(y) + height), slice(int(x), int(x) + width)


def keep_as_nnunet(
    folder: Path,
    planes: Sequence[SyntheticPlane],
    classes: Sequence[LabelClass],
    validation: Sequence[frozenset[str]],
    *,
    description: str,
    licence: str,
    mark: str,
) -> None:
    """Write the synthetic set as a raw data set of nnU-Net, one case per sample; see `nnunet_raw.write_raw`.

    Parameters
    ----------
    validation
        Files that validate, for each fold; none if nothing is known about that.
    """
    cases = _cases(planes)

    def written() -> Iterator[LabelledPlane]:
        for plane, names in zip(planes, cases, strict=True):
            for name, look in zip(names, plane.translations, strict=True):
                yield LabelledPlane(name, look, plane.labels, plane.train_weight)

    def split(files: frozenset[str]) -> Mapping[str, Sequence[str]]:
        parts: dict[str, list[str]] = {"train": [], "val": []}
        for plane, names in zip(planes, cases, strict=True):
            parts["val" if plane.name in files else "train"] += names
        return parts

    write_raw(
        folder,
        written(),
        classes,
        splits=[split(files) for files in validation],
        description=description,
        licence=licence,
        mark=mark,
    )


def _cases(planes: Sequence[SyntheticPlane]) -> list[list[str]]:
    """Names of all samples of each plane, all different."""
    taken: set[str] = set()
    found = []
    for plane in planes:
        base = name = case_name(stem(Path(plane.name)))
        number = 1
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name)
        found.append([f"{name}_sample{k}" for k in range(1, len(plane.translations) + 1)])
    return found
