"""What the controls for a tutorship say, as values that can be compared and turned into a job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import BACKGROUND, with_colours
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.registry import resolve
from napari_pseudolabel.training.data.labelled_sets import LabelledLayer, LabelledSet, NnunetSet, Source
from napari_pseudolabel.training.training_jobs import TutorJob
from napari_pseudolabel.training.tutor.tutor_task import TutorSettings
from napari_pseudolabel.widgets.pseudo_label.label_choice import TrainingStatus

if TYPE_CHECKING:
    from napari_pseudolabel.workspace import Workspace

SetKind = Literal["folders", "nnunet", "layer"]
_RUN = "tutorship"


@dataclass(frozen=True)
class TutorChoice:
    """All controls of a tutorship at one moment.

    Attributes
    ----------
    kind
        What the labelled set is.
    images, labels, nnunet
        Folders, empty where none is chosen.
    image_layer, labels_layer
        Unique ids of open layers.
    classes
        As typed: "axon=1, myelin=2".
    pixel_size_um
        Of the labelled images; None for what they say themselves.
    object_size_px
        Median diameter of their objects, where the translator goes by that; None if it is not given.
    settings
        How the proxies are trained.
    keep
        Folder of the nnU-Net data set that is kept, empty for none.
    """

    kind: SetKind = "folders"
    translator: str | None = None
    images: str = ""
    labels: str = ""
    nnunet: str = ""
    image_layer: str | None = None
    labels_layer: str | None = None
    classes: str = ""
    pixel_size_um: float | None = None
    object_size_px: float | None = None
    settings: TutorSettings = field(default_factory=TutorSettings)
    keep: str = ""

    @property
    def scale(self) -> Scale:
        """What the person says about the sizes in the labelled images."""
        return Scale(object_size_px=self.object_size_px, pixel_size_um=self.pixel_size_um)


def parse_classes(text: str) -> tuple[LabelClass, ...]:
    """Classes with the background, from "axon=1, myelin=2"; empty for an empty text.

    Raises
    ------
    InputError
        When the text cannot be read.
    """
    found: dict[int, LabelClass] = {}
    for part in filter(None, (word.strip() for word in text.split(","))):
        name, equals, value = (one.strip() for one in part.partition("="))
        if not (name and equals and value.isdecimal() and int(value) < 256):
            raise InputError(f"“{part}” is no class; write a name and its label value, such as axon=1.")
        if int(value) in found:
            raise InputError(f"Two classes have the value {value}; give each one of its own.")
        found[int(value)] = LabelClass(name=name, value=int(value))
    if not found:
        return ()
    found.setdefault(0, LabelClass(name=BACKGROUND, value=0))
    if len(found) < 2:
        raise InputError("Name at least one class besides the background, which has the value 0.")
    return with_colours([found[value] for value in sorted(found)])


def written(classes: tuple[LabelClass, ...]) -> str:
    """Classes as `parse_classes` reads them."""
    return ", ".join(f"{one.name}={one.value}" for one in classes if one.value)


def source_of(choice: TutorChoice) -> Source:
    """Return the labelled set on disk that is chosen."""
    if choice.kind == "nnunet":
        return NnunetSet(Path(choice.nnunet), choice.scale)
    return LabelledSet(Path(choice.images), Path(choice.labels), scale=choice.scale)


def make_tutor_job(
    choice: TutorChoice, source: Source, workspace: Workspace, *, seed: int, device: str
) -> TutorJob:
    """Return the tutorship that the controls ask for, in the folder of the workspace that belongs to it.

    The same set, translator and settings always get the same folder, so that the job goes on there after a kill,
    and a finished one is found again. Reads the dates of files, and the pixels of layers.

    Raises
    ------
    InputError
        When a file is missing, or the classes cannot be read.
    """
    settings = replace(choice.settings, seed=seed, device=device)
    translator, classes = choice.translator or "", parse_classes(choice.classes)
    digest = hashlib.sha256()
    for part in (
        settings.identity,
        {label_class.name: label_class.value for label_class in classes},
        asdict(choice.scale),
        list(_stamps(resolve(translator))),
    ):
        digest.update(json.dumps(part, sort_keys=True).encode())
    _add_source(digest, source)
    folder = workspace.folder / "runs" / f"{_RUN}-{digest.hexdigest()[:16]}"
    keep = Path(choice.keep) if choice.keep else None
    return TutorJob((source,), translator, folder, classes, settings, nnunet=keep)


def trained(job: TutorJob) -> TrainingStatus:
    """Return what is known of a tutorship from its folder."""
    return TrainingStatus(job.done, any(job.folder.glob("fold-*")))


def _add_source(digest: Any, source: Source) -> None:
    if isinstance(source, LabelledLayer):
        for plane in source.planes:
            digest.update(plane.key.encode())
            for array in (plane.labels, plane.touched, plane.held_out):
                digest.update(array.tobytes())
        return
    folders = [source.folder] if isinstance(source, NnunetSet) else [source.images, source.labels]
    digest.update(json.dumps([list(_stamps(folder)) for folder in folders]).encode())


def _stamps(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, size and date of a file, or of all files in a folder."""
    try:
        for one in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if one.is_file():
                found = one.stat()
                yield str(one), found.st_size, found.st_mtime_ns
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); choose another.") from error
