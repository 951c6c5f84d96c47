"""How much there is to gain in an image, by the measure of the review queue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ValidationError

from napari_pseudolabel.budget import read_text
from napari_pseudolabel.collection.image_list import ImageList, ListedImage
from napari_pseudolabel.collection.kept_labels import KeptLabels
from napari_pseudolabel.errors import FileError
from napari_pseudolabel.labels.review import TARGET, RegionScore, measure
from napari_pseudolabel.workspace import write_text
from napari_pseudolabel.workspace.json_file import make_folder

_FIRST = 3
_GAINS = ".gains"
_LARGEST_CLASS = 255


class ImageGain(BaseModel, frozen=True):
    """What a person's time is worth in an image.

    Attributes
    ----------
    rate
        Wrong pixels that are probably mended in a second, in the three regions that are worth most; 0 where nothing is left.
    doubtful, regions
        How many regions with objects are worth a look, and how many there are.
    reason
        Why the best should be looked at, in words; empty where nothing is left.
    """

    rate: float = 0.0
    doubtful: int = 0
    regions: int = 0
    reason: str = ""

    @classmethod
    def of(cls, kept: KeptLabels) -> ImageGain:
        """Measure labels as they stand; numbers of objects instead of classes have nothing to gain.

        What the members of the ensemble say is left out: it is not kept with the labels, and images are compared.
        """
        if kept.labels.max(initial=0) > _LARGEST_CLASS:
            return cls()
        touched, labelled = kept.touched, kept.labelled
        scores: list[RegionScore] = []
        for index in np.ndindex(*kept.labels.shape[:-2]):
            if not labelled[index].any():
                continue
            scores += measure(
                kept.labels[index],
                classes=kept.classes,
                confidence=None if kept.confidence is None else kept.confidence[index],
                touched=touched[index],
                predicted=labelled[index],
                plane=index,
            )
        with_objects = [one for one in scores if one.foreground > 0]
        first = sorted(with_objects, key=lambda one: (-one.gain, one.place))[:_FIRST]
        benefit = sum(one.benefit for one in first)
        return cls(
            rate=benefit / sum(one.seconds for one in first) if benefit > 0 else 0.0,
            doubtful=sum(one.quality < TARGET for one in with_objects),
            regions=len(with_objects),
            reason=first[0].reason if benefit > 0 else "",
        )


class _StoredGain(BaseModel, frozen=True):
    of: tuple[int, int]
    gain: ImageGain


def gain_in(images: ImageList, one: ListedImage) -> ImageGain | None:
    """Return what there is to gain in an image; None while it has no labels. Measured once for every state of its file.

    Raises
    ------
    InputError
        When its labels cannot be read.
    """
    there = labels_file(images, one)
    if there is None:
        return None
    path, stat = images.folder / _GAINS / f"{one.name}.json", there.stat()
    now = (stat.st_mtime_ns, stat.st_size)
    before = _stored(path)
    if before is not None and before.of == now:
        return before.gain
    gain = ImageGain.of(labels_of(images, one))
    make_folder(path.parent)
    write_text(path, _StoredGain(of=now, gain=gain).model_dump_json())
    return gain


def labels_file(images: ImageList, one: ListedImage) -> Path | None:
    """Return the file that holds the newest labels of an image; None while there are none."""
    kind = images.standing(one).kind
    if kind == "waiting":
        return None
    return images.kept_path(one) if kind == "changed" else images.labels_path(one)


def labels_of(images: ImageList, one: ListedImage) -> KeptLabels:
    """Read the labels of an image as they stand; raises as `KeptLabels.read` does."""
    standing = images.standing(one)
    if standing.kind == "changed":
        return KeptLabels.read(images.kept_path(one))
    return KeptLabels.of_run(images.labels_path(one), standing.told.get("run") or {})


def _stored(path: Path) -> _StoredGain | None:
    try:
        return _StoredGain.model_validate_json(read_text(path))
    except (OSError, FileError, ValidationError):
        return None  # it is measured again
