"""Write the labels of all images of a list that have any."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from napari_pseudolabel.collection.image_gain import labels_file, labels_of
from napari_pseudolabel.collection.image_list import ImageList, ListedImage
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError, message_for
from napari_pseudolabel.formats import Format
from napari_pseudolabel.workspace.json_file import make_folder


@dataclass(frozen=True)
class ExportedImages:
    """What came of it.

    Attributes
    ----------
    written
        Label files, without what lies beside them.
    failed
        Names of images, and why nothing was written of them.
    """

    written: tuple[Path, ...]
    failed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class ExportImagesJob:
    """Write the labels of every image that has any into a folder, as they stand; what goes wrong with one stops no other."""

    images: Path
    out: str
    format: Format
    confidence: bool
    measures: bool = False
    title: str = "Exporting"

    def run(self, control: Control, models: object) -> ExportedImages:
        """Write them.

        Raises
        ------
        InputError
            When there is nothing to write, or the folder cannot be made.
        """
        images, out = ImageList(self.images), Path(self.out).expanduser()
        ready = labelled_images(images)
        if not ready:
            raise InputError("No image of the list is labelled yet; label them in the Label dock first.")
        make_folder(out)
        written: list[Path] = []
        failed: list[tuple[str, str]] = []
        stage = control.stage("Writing", len(ready))
        for one in ready:
            try:
                content = labels_of(images, one).content()
                # By it formats that hold the image find it.
                source = {"name": one.name, "path": one.path, "position": one.position}
                content = replace(content, provenance={"source": source, **content.provenance})
                path = exported_path(out, one, self.format)
                files = content.write(path, self.format, confidence=self.confidence, measures=self.measures)
                written.append(files[0])
            except (InputError, MemoryError) as error:
                failed.append((one.name, message_for(error) or str(error)))
            stage.advance()
        return ExportedImages(tuple(written), tuple(failed))


def labelled_images(images: ImageList) -> tuple[ListedImage, ...]:
    """Return the images that have labels."""
    return tuple(one for one in images.images() if labels_file(images, one) is not None)


def exported_path(out: Path, one: ListedImage, format: Format) -> Path:
    """Return the file into which the labels of an image go, or the folder for all of them."""
    if format.collects:
        return out / format.proposed
    return out / f"{one.name}_labels{format.suffix}"
