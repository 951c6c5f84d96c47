"""Objects as regions of interest of ImageJ: a zip that Fiji's ROI Manager opens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pseudolabel.formats.format import FileContent, Format
from napari_pseudolabel.formats.stack_options import StackOptions

if TYPE_CHECKING:
    from roifile import ImagejRoi

    from napari_pseudolabel.formats.object_parts import ObjectPart
    from napari_pseudolabel.labels.outlines import Ring

# QuPath reads the class of a region of ImageJ here; ImageJ shows it among the properties.
_CLASS_PROPERTY = "qupath.object.classification"
# Segments of the path of a composite.
_MOVE, _LINE, _CLOSE = 0, 1, 4


def write(path: Path, content: FileContent) -> None:
    """Write a region of interest for every object: its outline along the borders of pixels, class and number, colour, slice.

    What has holes or several pieces is a composite. What is not labelled is a region of that name. No groups: ImageJ gives
    each group a colour of its own and forgets that of the class.
    """
    import zipfile

    from napari_pseudolabel.formats.object_parts import object_parts, parts_not_labelled, plane_words

    taken: set[str] = set()
    # Not `roiwrite`, which looks at the end of a name; and a file that is there would be added to.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for parts in (object_parts(content), parts_not_labelled(content)):
            for part in parts:
                name = " ".join(filter(None, (part.name, plane_words(content, part.plane))))
                entry, count = _entry(name), 1
                while entry in taken:  # names of classes may differ by signs that files cannot have
                    count += 1
                    entry = _entry(f"{name} {count}")
                taken.add(entry)
                file.writestr(f"{entry}.roi", _roi(part, name, content).tobytes())


def _entry(name: str) -> str:
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", name)


def _roi(part: ObjectPart, name: str, content: FileContent) -> ImagejRoi:
    import numpy as np
    from roifile import ROI_TYPE, ImagejRoi

    found = part.polygons(content.offset)
    rings = [ring for polygon in found for ring in polygon]
    roi = ImagejRoi()
    roi.name = name
    roi.stroke_color = bytes((255, *part.rgb))
    if part.number:
        roi.properties = {_CLASS_PROPERTY: part.label_class.name}
    (top, left), (rows, columns) = content.offset, part.window
    roi.left, roi.top = columns.start + left, rows.start + top
    roi.right, roi.bottom = columns.stop + left, rows.stop + top
    if len(rings) == 1:
        roi.roitype = ROI_TYPE.TRACED
        roi.integer_coordinates = (rings[0] - (roi.left, roi.top)).astype(np.int32)
        roi.n_coordinates = len(rings[0])
    else:
        roi.roitype = ROI_TYPE.RECT
        roi.multi_coordinates = np.array([one for ring in rings for one in _path(ring)], np.float32)
        roi.shape_roi_size = len(roi.multi_coordinates)
    _place(roi, part.plane, content)
    return roi


def _path(ring: Ring) -> Sequence[float]:
    points = ring.tolist()
    first = (_MOVE, *points[0])
    return [*first, *(one for point in points[1:] for one in (_LINE, *point)), _CLOSE]


def _place(roi: ImagejRoi, plane: tuple[int, ...], content: FileContent) -> None:
    """Say on which slice it lies: by its number for a plain stack, and by time and depth for a hyperstack.

    ImageJ forgets the number where it is told a depth or a time. A depth alone is found in both kinds; a time alone is not
    found in a plain stack, as a series of one channel is, and there the number is, which it takes for the time of others, too.
    """
    import numpy as np

    if len(content.planes) == 1:
        return
    assert content.labels is not None
    roi.position = int(np.ravel_multi_index(plane, content.labels.shape[:-2])) + 1
    at = dict(zip(content.placement.letters or "", plane, strict=False))
    if "Z" in at:
        roi.z_position = at["Z"] + 1
        roi.t_position = at.get("T", -1) + 1


IMAGEJ_ROIS = Format(
    name="imagej-rois",
    title="ImageJ ROI zip",
    what="outlines of objects with class, number, colour and slice",
    readers="Fiji and ImageJ (ROI Manager)",
    suffixes=(".rois.zip", ".zip"),
    write=write,
    holds=frozenset({"classes", "instances"}),
    pixel_size=False,
    largest_side=60_535,  # of coordinates with 16 bit
    bytes_per_pixel=12,
    rest="as a region of its own, called “not labelled”",
    options=StackOptions(),
)
