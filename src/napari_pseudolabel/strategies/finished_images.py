"""Which images of a folder are labelled already, so that a command that was stopped does not begin again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import blake2b, file_digest, sha256
from itertools import islice
from pathlib import Path
from uuid import uuid4

from napari_pseudolabel import __version__
from napari_pseudolabel.budget import read_json
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting.growing_set import files_of
from napari_pseudolabel.formats import Format
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.imaging.addresses import address_of
from napari_pseudolabel.models import resolve
from napari_pseudolabel.strategies.jobs import LabelJob
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.workspace import write_text
from napari_pseudolabel.workspace.file_content import content_of

RECORDS = ".finished"
"""Folder of the records, in that of the results; a result that is deleted is made again."""
_MOST_ASKED = 4096


@dataclass(frozen=True)
class FinishedImages:
    """Records of what was made of the images of a folder, one file each.

    Attributes
    ----------
    folder
        Of the results; for images that become parts of a set, the folder in which the set lies. Of such a part ``case`` is the name
        in the set, and ``target`` the set.
    """

    folder: Path
    _sums: dict[str, str] = field(default_factory=dict)

    def told(self, target: Path, key: str, case: str = "") -> JsonObject | None:
        """Return what was told of a result that is as it would be made again; None if it is to be made.

        Raises
        ------
        InputError
            If the result was changed since it was written: it may hold somebody's corrections.
        """
        path = self._record(target, case)
        if not (target.exists() and path.is_file()):
            return None
        record, now = read_json(path), _stamp(target, case)
        if not now:
            return None
        if record.get("written") != now:
            whose = f"{case} in {target.name}" if case else target.name
            raise InputError(
                f"{whose} was changed since it was written, and would be replaced; move it away, or choose another folder for "
                "the results"
            )
        told: JsonObject | None = record.get("told")
        return told if record.get("key") == key else None

    def last(self, target: Path) -> JsonObject | None:
        """Return what was told of a result when it was written last, however it was made; None where there is none.

        Answers at once: nobody looks whether it was changed since.
        """
        path = self._record(target)
        if not (target.exists() and path.is_file()):
            return None
        told: JsonObject | None = read_json(path).get("told")
        return told

    def note(self, target: Path, key: str, told: JsonObject, case: str = "") -> None:
        """Keep what is told of a result that was written."""
        path = self._record(target, case)
        path.parent.mkdir(exist_ok=True)
        write_text(path, json.dumps({"key": key, "written": _stamp(target, case), "told": told}))

    def key(self, path: Path, job: LabelJob, format: Format, *, confidence: bool) -> str:
        """By what a result is known: which image of which files, how they are read, the models, all settings, and how it is written."""
        image = job.image
        remote = address_of(path) is not None
        files = [Path(file) for file in image.files] or [path] * (not remote)
        about = (
            __version__,
            content_of(file for file in files if file.is_file()) if files else address_of(path),
            _pieces(image) if remote or path.is_dir() else "",
            (image.axes, image.modality, image.shape, image.placement, image.position),
            [self._sum(ref) for ref in job.survey.checkpoints],
            job.segmenter if not isinstance(job.segmenter, str) else None,
            (job.settings, job.region, job.planes, job.strategy_name, job.origin.options),
            (format.name, format.options, confidence),
        )
        return blake2b(repr(about).encode(), digest_size=16).hexdigest()

    def _sum(self, ref: str) -> str:
        """By what a model is known: its content."""
        if ref not in self._sums:
            self._sums[ref] = _stamp(resolve(ref))
        return self._sums[ref]

    def _record(self, target: Path, case: str = "") -> Path:
        return self.folder / RECORDS / f"{target.name}{f'.{case}' * bool(case)}.json"


def _pieces(image: Image) -> str:
    """Stamp of the array of Zarr that an image is, whose folder does not change with what is in its pieces.

    Behind an address every piece has to be asked about; of what has too many, nothing is known.
    """
    # zarr takes a quarter of a second to import
    from napari_pseudolabel.imaging.remote_store import facts_of
    from napari_pseudolabel.imaging.zarr_store import METADATA, pieces, place_behind

    place = place_behind(image.data)
    if place is None or address_of(place) is None:
        return "" if place is None else _stamp(Path(place))
    every = (slice(None),) * len(image.data.shape)
    asked = list(islice(pieces(image.data, every), _MOST_ASKED + 1))
    if len(asked) > _MOST_ASKED:
        return uuid4().hex
    return sha256(repr(facts_of([f"{place}/{name}" for name in METADATA] + asked)).encode()).hexdigest()


def _stamp(path: Path, case: str = "") -> str:
    """Content of a file; of a folder, see `content_of`; of a part of a set, of its files.

    Empty where a set does not hold the part.
    """
    if case:
        sums = [(one.name, _stamp(one)) for one in files_of(path, case)]
        return sha256(repr(sums).encode()).hexdigest() if sums else ""
    if path.is_file():
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    return content_of((one for one in path.rglob("*") if one.is_file()), path)
