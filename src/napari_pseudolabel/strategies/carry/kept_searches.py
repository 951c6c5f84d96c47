"""Searches for the best way that were finished before, so that a command that goes on does not look at everything again.

One ``.npz`` file each, read without pickle. A search is known by the content of its images and models, its settings and its ways.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel import __version__
from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.registry import resolve
from napari_pseudolabel.models.safe_load import sha256
from napari_pseudolabel.options import read, written
from napari_pseudolabel.strategies.choice.find_way import FindWayJob, Looking
from napari_pseudolabel.strategies.choice.found_way import FoundWay, LookedAt, TriedWay
from napari_pseudolabel.strategies.choice.judging import WayScores
from napari_pseudolabel.strategies.choice.ways import LabelWay
from napari_pseudolabel.strategies.found_scale import FoundScale
from napari_pseudolabel.strategies.label_settings import Region
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.workspace import write_bytes


@dataclass(frozen=True)
class KeptSearches:
    """Keeps what was found.

    Attributes
    ----------
    folder
        Gets a file for every search.
    """

    folder: Path

    def find(self, search: FindWayJob, control: Control, models: LoadedModels) -> tuple[FoundWay, Looking]:
        """Return what a search finds, and how far it looked: nowhere, where it was finished before. Raises as its `run` does."""
        path = self.folder / f"{_key(search)}.npz"
        if (before := _read(path, search.ways)) is not None:
            return before, Looking()
        looked = search.look(control, models)
        found = search.answer(looked)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_bytes(path, _packed(found))
        return found, looked


def _key(search: FindWayJob) -> str:
    about = (
        __version__,
        [_of_image(image) for image in search.images],
        [
            (
                way.strategy,
                way.group,
                [
                    sha256(resolve(ref))
                    for ref in (way.translator, way.segmenter, *way.second_opinions)
                    if ref
                ],
                way.options,
                way.scale,
            )
            for way in search.ways
        ],
        (search.settings, search.region, search.planes),
    )
    return blake2b(repr(about).encode(), digest_size=16).hexdigest()


def _of_image(image: Image) -> tuple[object, ...]:
    files = [Path(file) for file in image.files] or [Path(image.path or image.name)]
    return (
        image.name,
        image.axes,
        image.modality,
        image.shape,
        [sha256(file) for file in files if file.is_file()],
    )


def _packed(found: FoundWay) -> bytes:
    told = {
        "best": found.best,
        "ties": found.ties,
        "classes": [one.model_dump() for one in found.classes],
        "tried": [
            {
                "scores": None if one.scores is None else asdict(one.scores),
                "reasons": one.reasons,
                "cost": one.cost,
                "alike": one.alike,
                "places": len(one.labels),
            }
            for one in found.tried
        ],
        "places": [
            {
                "image": one.image,
                "path": one.path,
                "plane": one.plane,
                "region": asdict(one.region),
                "found": [written(scale) for scale in one.found],
            }
            for one in found.places
        ],
    }
    arrays: dict[str, NDArray[Any]] = {"told": np.frombuffer(json.dumps(told).encode(), np.uint8)}
    for n, way in enumerate(found.tried):
        arrays |= {f"labels {n} {k}": one for k, one in enumerate(way.labels)}
    arrays |= {f"pixels {k}": place.pixels for k, place in enumerate(found.places)}
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _read(path: Path, ways: tuple[LabelWay, ...]) -> FoundWay | None:
    """Return what was found; None where nothing was kept, or it is damaged."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            told: JsonObject = json.loads(arrays["told"].tobytes())
            tried = tuple(
                TriedWay(
                    way,
                    None if one["scores"] is None else WayScores(**one["scores"]),
                    tuple(one["reasons"]),
                    one["cost"],
                    tuple(arrays[f"labels {n} {k}"] for k in range(one["places"])),
                    one["alike"],
                )
                for n, (way, one) in enumerate(zip(ways, told["tried"], strict=True))
            )
            places = tuple(
                LookedAt(
                    one["image"],
                    one["path"],
                    tuple(one["plane"]),
                    Region(**one["region"]),
                    arrays[f"pixels {k}"],
                    tuple(read(FoundScale, scale) for scale in one["found"]),
                )
                for k, one in enumerate(told["places"])
            )
        classes = tuple(LabelClass(**one) for one in told["classes"])
        return FoundWay(tried, told["best"], tuple(told["ties"]), places, classes)
    except (OSError, ValueError, KeyError, TypeError, BadZipFile):
        return None
