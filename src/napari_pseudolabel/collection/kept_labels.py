"""The labels of an image as a person left them: one file that appears complete or not at all."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.budget import BUDGET, check_memory, open_zip, parse_json
from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.exporting import ExportContent, provenance_of_runs, read_sidecar
from napari_pseudolabel.imaging import Placement, read, read_labels
from napari_pseudolabel.labels.pixel_states import CONFIRMED, CORRECTED, REACHED
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.types import Array, JsonObject
from napari_pseudolabel.workspace.atomic import atomic_file
from napari_pseudolabel.workspace.lock import locked
from napari_pseudolabel.workspace.sessions import ArrayState
from napari_pseudolabel.workspace.sessions.tiles import decode, dtype_of, encode

_VERSION = 1
_ABOUT = "about.json"
_ARRAYS = ("labels", "predicted", "flags", "confidence")


@dataclass(frozen=True, eq=False)
class KeptLabels:
    """Labels of an image with all that is known of their pixels.

    Attributes
    ----------
    labels, predicted
        (..., Y, X) class values: as they are shown, and as the predictions have left them.
    flags
        uint8, same shape; see `labels.pixel_states`.
    classes, model_classes
        As the person calls them, and as the model does.
    runs
        Provenance of the runs that the labels show, each with its region and planes.
    placement
        Where they lie.
    confidence
        float32, same shape, NaN where nothing was predicted; None if there is none.
    mark
        By which opening they were written; empty for those of a run.
    """

    labels: NDArray[Any]
    predicted: NDArray[Any]
    flags: NDArray[np.uint8]
    classes: tuple[LabelClass, ...]
    model_classes: tuple[LabelClass, ...]
    runs: tuple[JsonObject, ...]
    placement: Placement
    confidence: NDArray[Any] | None = None
    mark: str = field(default="")

    @property
    def touched(self) -> NDArray[np.bool_]:
        """bool, shape of the labels: what a person corrected or confirmed."""
        return (self.flags & (CORRECTED | CONFIRMED)) > 0

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """bool, shape of the labels: what was predicted, or decided by a person."""
        return self.flags > 0

    def same_as(self, other: KeptLabels) -> bool:
        """Whether both say the same, whoever wrote them."""
        arrays = [(getattr(self, name), getattr(other, name)) for name in _ARRAYS]
        return (self.classes, self.runs) == (other.classes, other.runs) and all(
            one is another or (one is not None and another is not None and _equal(one, another))
            for one, another in arrays
        )

    @classmethod
    def of_run(cls, path: Path, run: JsonObject) -> KeptLabels:
        """Read what a run wrote, which no person has touched.

        Parameters
        ----------
        run
            Its provenance.

        Raises
        ------
        InputError
            When a file is missing or damaged.
        """
        values, told = np.asarray(read_labels(path).data), read_sidecar(path)
        rest = told.not_labelled
        reached = np.ones(values.shape, bool) if rest is None else values != rest
        labels = np.where(reached, values, values.dtype.type(0))
        planes = [list(index) for index in np.ndindex(*labels.shape[:-2])]
        classes = tuple(one for one in told.classes if one.value != rest)
        sure = None
        if name := told.files.get("confidence"):
            found = np.asarray(read(path.with_name(name)).data, np.float32)
            sure = np.where(reached, found.reshape(labels.shape), np.float32(np.nan))
        return cls(
            labels,
            labels.copy(),
            reached.astype(np.uint8) * np.uint8(REACHED),
            classes,
            classes,
            ({**run, "region": [0, 0, *labels.shape[-2:]], "planes": planes},),
            Placement.from_dict(told.placement),
            sure,
        )

    @classmethod
    def read(cls, path: Path) -> KeptLabels:
        """Read what `write` wrote.

        Raises
        ------
        InputError
            When the file is missing, damaged or written by a newer version.
        """
        try:
            with open_zip(path) as archive:
                about = _about(archive, path)
                arrays: dict[str, Any] = {
                    name: _array(archive, about, name) for name in _ARRAYS if name in about["arrays"]
                }
                return cls(
                    **arrays,
                    classes=_classes(about["classes"]),
                    model_classes=_classes(about["model_classes"]),
                    runs=tuple(about["runs"]),
                    placement=Placement.from_dict(about["placement"]),
                    mark=str(about["mark"]),
                )
        except FileNotFoundError:
            raise InputError(f"{path} is not there any more; the labels in it cannot be shown.") from None
        except (PseudolabelError, MemoryError):
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{path} is damaged ({error}); bring it back from a backup. Sessions of the workspace hold what was decided, too."
            ) from error

    def write(self, path: Path, *, before: Collection[str]) -> None:
        """Write them, all or nothing.

        Parameters
        ----------
        before
            Marks of what may be replaced; a file with another mark holds what was decided elsewhere meanwhile.

        Raises
        ------
        InputError
            When it may not be replaced, or the folder cannot be written to; nothing is changed then.
        """
        arrays = {name: value for name in _ARRAYS if (value := getattr(self, name)) is not None}
        states = {name: _state(name, value) for name, value in arrays.items()}
        about = {
            "version": _VERSION,
            "mark": self.mark,
            "arrays": {name: state.model_dump() for name, state in states.items()},
            "classes": [one.model_dump() for one in self.classes],
            "model_classes": [one.model_dump() for one in self.model_classes],
            "runs": list(self.runs),
            "placement": self.placement.to_dict(),
        }
        with locked(path.parent / f".{path.name}.lock"):
            if path.exists() and mark_of(path) not in before:
                raise InputError(
                    f"The labels of {path.name.partition('.kept')[0]} were opened and changed elsewhere since they were opened here, "
                    "so they were not replaced; export what you see here, or open the image again from the list."
                )
            with atomic_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
                archive.writestr(_ABOUT, json.dumps(about))
                for name, value in arrays.items():
                    packed = encode(value.reshape(-1, value.shape[-1]), states[name])
                    if packed is not None:
                        archive.writestr(name, packed)

    def content(self) -> ExportContent:
        """Return them as what the export room writes."""
        provenance = {
            "share_corrected": float(np.mean((self.flags & CORRECTED) > 0)),
            "share_confirmed": float(np.mean((self.flags & CONFIRMED) > 0)),
            **provenance_of_runs({"runs": self.runs}),
        }
        return ExportContent(
            self.labels,
            self.classes,
            self.placement,
            provenance,
            confidence=self.confidence,
            labelled=self.labelled,
            confirmed=(self.flags & CONFIRMED) > 0,
        )


def mark_of(path: Path) -> str:
    """Return by which opening a file was written; raises as `KeptLabels.read` does. Empty where there is none."""
    if not path.exists():
        return ""
    with open_zip(path) as archive:
        return str(_about(archive, path)["mark"])


def _about(archive: zipfile.ZipFile, path: Path) -> Any:
    if archive.getinfo(_ABOUT).file_size > BUDGET.json_bytes:
        raise InputError(f"{path} holds more than labels; it was not read.")
    about: Any = parse_json(archive.read(_ABOUT), path.name)
    if about["version"] > _VERSION:
        raise InputError(f"{path} was written by a newer version; update napari-pseudolabel.")
    return about


def _state(name: str, values: Array) -> ArrayState:
    fill = None if values.dtype.kind == "f" else 0
    return ArrayState(name=name, shape=values.shape, dtype=values.dtype.str, fill=fill)


def _array(archive: zipfile.ZipFile, about: JsonObject, name: str) -> Array:
    state = ArrayState.model_validate(about["arrays"][name])
    dtype, flat = dtype_of(state), (int(np.prod(state.shape[:-1])), state.shape[-1])
    check_memory(flat[0] * flat[1] * dtype.itemsize, f"The {name} in {archive.filename}")
    if name not in archive.namelist():
        return np.full(state.shape, np.nan if state.fill is None else state.fill, dtype)
    values = decode(archive.read(name), flat, dtype)
    if values is None:
        raise ValueError(f"the {name} in it are incomplete")
    return values.reshape(state.shape).copy()


def _equal(one: Array, other: Array) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def _classes(given: Any) -> tuple[LabelClass, ...]:
    return tuple(LabelClass.model_validate(one) for one in given)
