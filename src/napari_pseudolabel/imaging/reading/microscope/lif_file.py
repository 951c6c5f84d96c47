"""LIF of Leica, by liffile."""

from __future__ import annotations

from pathlib import Path

from napari_pseudolabel.budget import check_memory
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.image import ArrayLike
from napari_pseudolabel.imaging.reading.claims import check_pixels
from napari_pseudolabel.imaging.reading.microscope.microscope_files import (
    IN_MEMORY_BYTES,
    kept_axes,
)
from napari_pseudolabel.imaging.reading.read_request import ReadRequest
from napari_pseudolabel.imaging.reading.source import Source, chosen_position
from napari_pseudolabel.imaging.reading.stated_sizes import stated_sizes


def read(path: Path, request: ReadRequest) -> Source:
    """Read one image of the project; see `MicroscopeKind.read`."""
    import liffile

    with liffile.LifFile(path) as file:
        images = [one for one in file.images if "Y" in one.dims and "X" in one.dims]
        if not images:
            raise InputError(f"{path.name} holds no image.")
        number, _ = chosen_position(path, [one.name for one in images], request.position, ask=True)
        image = images[number]
        axes = kept_axes(path, image.sizes)
        check_pixels(image.nbytes, path.stat().st_size, path)
        data: ArrayLike
        if image.nbytes <= IN_MEMORY_BYTES or "S" in image.dims:
            check_memory(2 * image.nbytes, path.name)
            data = image.asarray()
        else:
            data = image.asarray(out="memmap")
        data = data[tuple(slice(None) if letter in axes else 0 for letter in image.dims)]
        told = stated_sizes(
            "its LIF metadata",
            {
                letter: ((steps[-1] - steps[0]) / (len(steps) - 1), "meter")
                for letter, steps in image.coords.items()
                if letter in ("X", "Y", "Z") and len(steps) > 1
            },
        )
        described = image.xml_element.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
        names = tuple(one.get("LUTName", "") for one in described) if "C" in axes else ()
    return Source(data, request.letters or axes, told.steps, notes=told.notes, channel_names=names)
