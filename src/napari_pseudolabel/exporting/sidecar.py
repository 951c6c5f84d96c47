"""The file beside exported labels that tells how they came about."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticSerializationError

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.errors import FileError, InputError
from napari_pseudolabel.exporting.companions import PROVENANCE, SUFFIXES, sidecar_path
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.types import JsonObject

SCHEMA_VERSION = 1
_SUFFIX = SUFFIXES[PROVENANCE]
_PACKAGES = ("napari-pseudolabel", "torch", "numpy", "scikit-image", "tifffile")


class _Record(BaseModel):
    # Whatever else a strategy has to tell is kept.
    model_config = ConfigDict(frozen=True, extra="allow")


class ModelRecord(_Record):
    """A model that took part; `role` is "translator" or "segmenter"."""

    role: str = ""
    name: str = ""
    path: str = ""
    sha256: str = ""


class SourceRecord(_Record):
    """The image that was labelled; `position` says which of its file, where somebody chose; `pixels` by what it is known again."""

    name: str = ""
    path: str | None = None
    position: int | str | None = None
    pixels: str = ""


class Provenance(_Record):
    """Content of a sidecar.

    Attributes
    ----------
    schema_version
        Version of this layout.
    files
        Names of the files written together, by role: ``labels``, and ``confidence``, ``effort`` and ``measures`` if there are any.
    earlier_files
        Names of files that an earlier export of the same file wrote and this one did not; they do not belong to it.
    source, models, strategy, seed, parameters
        What was labelled, and by what.
    versions
        Of Python and of the packages that compute.
    date
        Of the run, or of the export when the run does not tell; ISO 8601.
    classes
        Meaning of the label values.
    placement
        Fields of `imaging.Placement`.
    share_corrected
        Share of pixels that a person changed or confirmed, in [0, 1]; None when unknown.
    share_labelled
        Share of pixels that were predicted, or decided by a person, in [0, 1]; None when unknown.
    not_labelled
        The value of all other pixels in the label file: no class, and no background either. None if there are none.
    export_notes
        What to know of this very file, as sentences: what its format could not take.
    spot_checks
        What a person judged of a random sample: precision and recall with intervals (`labels.spot_check`), the newest last;
        ``void`` is said where the labels have changed since.
    """

    schema_version: int = SCHEMA_VERSION
    files: dict[str, str] = Field(default_factory=dict)
    earlier_files: tuple[str, ...] = ()
    source: SourceRecord = SourceRecord()
    models: tuple[ModelRecord, ...] = ()
    strategy: str = ""
    seed: int | None = None
    parameters: JsonObject = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    date: datetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    classes: tuple[LabelClass, ...] = ()
    placement: JsonObject = Field(default_factory=dict)
    share_corrected: float | None = Field(default=None, ge=0, le=1)
    share_labelled: float | None = Field(default=None, ge=0, le=1)
    not_labelled: int | None = Field(default=None, ge=1)
    export_notes: tuple[str, ...] = ()
    spot_checks: tuple[JsonObject, ...] = ()

    @property
    def pixel_aspect(self) -> float:
        """Height of a pixel by its width; 1 where it does not say where the labels lie."""
        return Placement.from_dict(self.placement).pixel_aspect if self.placement else 1.0

    @field_validator("models", mode="before")
    @classmethod
    def _by_role(cls, value: object) -> object:
        """Accept models by role, ``{"translator": {...}}``, as well as a list."""
        if isinstance(value, Mapping):
            return [{"role": role, **record} for role, record in value.items() if record is not None]
        return value


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute, as far as they are installed."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def sidecar_text(
    provenance: Mapping[str, object],
    *,
    files: Mapping[str, str],
    classes: Sequence[LabelClass],
    placement: Placement,
    earlier: Sequence[str] = (),
) -> str:
    """JSON text of the sidecar.

    Parameters
    ----------
    provenance
        Fields of `Provenance` and whatever else shall be kept, JSON-able.
    files, classes, placement, earlier
        Of the export; they go before what `provenance` says.

    Raises
    ------
    InputError
        When a field has the wrong type or cannot be written as JSON.
    """
    fields = {
        **provenance,
        "schema_version": SCHEMA_VERSION,
        "files": dict(files),
        "earlier_files": tuple(earlier),
        "classes": tuple(classes),
        "placement": placement.to_dict(),
    }
    try:
        record = Provenance.model_validate(fields)
        versions = {**installed_versions(), **record.versions}
        return record.model_copy(update={"versions": versions}).model_dump_json(indent=2) + "\n"
    except ValidationError as error:
        raise InputError(f"The provenance cannot be written: {_first_problem(error)}.") from error
    except PydanticSerializationError as error:
        raise InputError(f"The provenance holds a value that JSON cannot hold ({error}).") from error


def read_sidecar(path: str | Path) -> Provenance:
    """Read the sidecar of a label file.

    Parameters
    ----------
    path
        The label file, or the sidecar itself.

    Raises
    ------
    InputError
        When it is missing, no sidecar, or written by a newer version.
    """
    path = Path(path)
    file = path if path.name.endswith(_SUFFIX) else sidecar_path(path)
    try:
        fields = read_json(file)
        found = fields.get("schema_version", 0)
        if found > SCHEMA_VERSION:
            raise InputError(
                f"{file} was written by a newer version (schema {found}); update napari-pseudolabel."
            )
        return Provenance.model_validate(fields)
    except FileError as error:
        raise InputError(f"{file} is not a provenance file; it is damaged or foreign: {error}") from error
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}); export the labels again.") from error
    except ValidationError as error:
        raise InputError(f"{file} is not a provenance file: {_first_problem(error)}.") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{file} is not a provenance file; it is damaged or foreign.") from error


def not_labelled(path: str | Path) -> int | None:
    """Value of the pixels of a label file that are not labelled; None if no provenance beside it names one."""
    try:
        return read_sidecar(path).not_labelled
    except InputError:
        return None  # there is none, or a file of somebody else that is called like one


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
