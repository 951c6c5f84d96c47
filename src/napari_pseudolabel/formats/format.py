"""What a file format is, and what it is given to write."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_pseudolabel.control import Control
from napari_pseudolabel.formats.stack_options import StackOptions
from napari_pseudolabel.types import Array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_pseudolabel.imaging.image import Image
    from napari_pseudolabel.imaging.placement import Placement
    from napari_pseudolabel.models.cards import LabelClass

Part = Literal["classes", "instances", "confidence", "effort", "measures", "images"]
"""What a file can hold: the class of every pixel, the number of its object, how sure the models were, what every object
has cost, its size and shape, and values of an image."""


@dataclass(frozen=True, eq=False)
class FileContent:
    """What goes into one file: checked, and ready to be written.

    Attributes
    ----------
    name
        Of the image inside of the file.
    placement
        Of the axes of `labels` or `image`.
    labels
        (..., Y, X) uint8, uint16 or uint32 class values; None where an image alone is written. What is not labelled has
        the value `not_labelled`, or 0 in formats that do not mark it.
    image
        (..., Y, X) float32, usually in [0, 1]; None where there is none.
    classes
        Meaning of the values, that of `not_labelled` included where a class can have it.
    labelled
        bool, shape of the labels: what was predicted or decided by a person; None: all of it.
    not_labelled
        Value of all other pixels in `labels`; None where there are none, or where they are not marked.
    confidence
        Shape of the labels, in [0, 1]; None if there is none or nobody wants it.
    effort
        The table of what every object has cost; None if nobody wants it.
    measures
        The table of sizes and shapes of the objects; None if nobody wants it.
    known_instances
        Objects that came with the labels; see `instances`.
    confirmed
        bool, shape of the labels: what a person declared right; None where nobody knows.
    source
        The image that the labels are of, for formats that hold it as well; its planes have the shape of the labels. None
        where there is none.
    offset
        Row and column of the first pixel in the whole image, where this is a region of a larger one, for formats that place
        objects in the whole image.
    provenance
        What is known of how the labels were made (`export.Provenance`).
    options
        Of the class of `Format.options`; None for a format without.
    control
        Hears how far writing is, and says when to stop.
    """

    name: str
    placement: Placement
    labels: Array | None = None
    image: Array | None = None
    classes: tuple[LabelClass, ...] = ()
    labelled: NDArray[np.bool_] | None = None
    not_labelled: int | None = None
    confidence: Array | None = None
    effort: str | None = None
    measures: str | None = None
    known_instances: Array | None = None
    confirmed: NDArray[np.bool_] | None = None
    source: Image | None = None
    offset: tuple[int, int] = (0, 0)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    options: Any = None
    control: Control = field(default_factory=Control)

    @property
    def source_file(self) -> str:
        """Name of the file of the image that was labelled, or what the image is called, as one of several of a file is."""
        told = self.provenance.get("source") or {}
        path, name, position = told.get("path"), told.get("name"), told.get("position")
        if self.source is not None:
            path, name = self.source.path or path, self.source.name or name
            position = self.source.position if position is None else position
        file = str(path or "").replace("\\", "/").rstrip("/").rpartition("/")[2]
        if position is not None and name and not file.startswith(name):
            return str(name)
        return file or str(name or self.name)

    @cached_property
    def planes(self) -> tuple[tuple[int, ...], ...]:
        """Index of every plane over the axes before Y and X."""
        import numpy as np

        assert self.labels is not None
        return tuple(np.ndindex(*self.labels.shape[:-2]))

    @cached_property
    def named(self) -> tuple[LabelClass, ...]:
        """The classes that somebody has named, without the background and what is not labelled."""
        from napari_pseudolabel.labels.classes import is_nameless

        others = (0, self.not_labelled)
        return tuple(one for one in self.classes if one.value not in others and not is_nameless(one))

    @cached_property
    def numbered(self) -> bool:
        """Whether the values of the labels are numbers of objects: of one class at most, many, and each is one piece."""
        from napari_pseudolabel.labels.class_values import are_numbers

        if self.labels is None or self.known_instances is not None or len(self.named) > 1:
            return False
        return are_numbers(self._labelled_values())

    def _labelled_values(self) -> NDArray[np.integer]:
        """Return the labels with 0 where nothing is labelled."""
        import numpy as np

        assert self.labels is not None
        values: NDArray[np.integer] = np.asarray(self.labels)
        return values if self.labelled is None else np.where(self.labelled, values, values.dtype.type(0))

    @cached_property
    def instances(self) -> NDArray[np.uint32]:
        """The number of the object of every pixel, 0 where there is none or nothing is labelled.

        Those that came with the labels, or are the labels; else they are computed from the classes plane by plane,
        and numbered on through all planes. Which objects of two planes are the same is only said where it is asked for
        (`StackOptions`).
        """
        import numpy as np

        from napari_pseudolabel.labels.objects import as_numbers, numbered, scheme_for

        assert self.labels is not None, "an image has no objects"
        if self.numbered:
            return as_numbers(self._labelled_values())
        if self.known_instances is not None:
            numbers = self.known_instances
            return as_numbers(np.where(True if self.labelled is None else self.labelled, numbers, 0))
        scheme = scheme_for(self.classes, self.placement.pixel_aspect)
        found = numbered(self.labels, scheme, self.labelled)
        if self.joined_along is not None:
            from napari_pseudolabel.labels.objects.plane_joining import join_planes

            join_planes(found, self.labels, scheme, self.options.join_planes, self.joined_along)
        return found

    @cached_property
    def joined_along(self) -> int | None:
        """The axis along which objects of neighbouring planes get one number; None where they do not."""
        if self.labels is None or self.numbered or self.known_instances is not None:
            return None
        return self.options.axis(self.placement) if isinstance(self.options, StackOptions) else None


def turned_words(placement: Placement, title: str) -> tuple[str, ...]:
    """Return a sentence where a file has no place for all of a placement; none where it has."""
    if not placement.is_turned:
        return ()
    return (
        f"The image is mirrored, turned or sheared in the world, which {title} has no place for: this plugin brings it back there, other "
        "programs show it as its pixels are stored.",
    )


@dataclass(frozen=True)
class Format:
    """The description of a file format, from which all lists, names, checks and sentences about it follow.

    Attributes
    ----------
    name
        As given to `export` and to the shell.
    title
        As people call it.
    what, readers
        What it holds and who reads it, as parts of a sentence.
    suffixes
        Ends of names, lower case with the dot; the first is proposed. A folder may do without any: then the format has to
        be asked for by name.
    write
        Writes a `FileContent` to a path, whatever the suffix of that: an empty file, or an empty folder. May return sentences
        about what was written, which the person is told and the provenance keeps.
    folder
        Whether it is a folder of files.
    holds
        The parts it can hold. Confidence, effort and measures that it cannot hold go beside it.
    stacks
        Whether it takes more than one plane.
    largest
        The largest value of a label or number of an object.
    pixel_size
        Whether it holds the size of a pixel.
    largest_side
        Pixels that an image may be high or wide.
    marks
        Whether pixels that are not labelled get a value of their own; else they are written as 0, and only the
        provenance tells how many they are.
    rest
        How pixels that are not labelled are written, behind these very words, where that is neither a value of their own nor
        background.
    source
        Whether the image is written beside its labels, and so has to be there, or is written where it is there.
    collects
        Whether it is a folder for several images: an export to one that is there adds an image to it, or replaces that image.
        What is there must not be written into but replaced (`image_sets.new_file`).
    shared
        Names of files of such a folder that are of all its images.
    proposed
        Name that is proposed for such a folder.
    pattern
        A regular expression of the names that others demand; empty if any will do.
    options
        A dataclass of options (`napari_pseudolabel.options`) with the values to be used; None without. `dataclasses.replace`
        gives a format with others.
    bytes_per_pixel
        About how much memory writing takes beside labels and image, where objects are dense; 0 where that is next to nothing.
    streamed
        Whether labels are written part by part as they are made, so that an image may be larger than the memory
        (`napari_pseudolabel.slides`).
    """

    name: str
    title: str
    what: str
    readers: str
    suffixes: tuple[str, ...]
    write: Callable[[Path, FileContent], Sequence[str] | None]
    folder: bool = False
    holds: frozenset[Part] = frozenset({"classes"})
    stacks: bool = True
    largest: int = 2**32 - 1
    pixel_size: bool = True
    largest_side: int = 2**31 - 1
    marks: bool = True
    rest: str = ""
    source: Literal["no", "wanted", "needed"] = "no"
    collects: bool = False
    shared: tuple[str, ...] = ()
    proposed: str = ""
    pattern: str = ""
    options: Any = None
    bytes_per_pixel: int = 0
    streamed: bool = False

    @property
    def about(self) -> str:
        """What it holds and who reads it, as a sentence."""
        return f"{self.what[:1].upper()}{self.what[1:]}; read by {self.readers}."

    @property
    def description(self) -> str:
        """The same in one line with the title."""
        return f"{self.title}: {self.what}; read by {self.readers}."

    @property
    def suffix(self) -> str:
        """The end of a name that is proposed."""
        return next(iter(self.suffixes), "")

    def named_by(self, name: str) -> bool:
        """Whether a file of that name is one of this format."""
        return name.lower().endswith(self.suffixes)

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether it can hold all planes of that shape; axes of length 1 before (Y, X) do not count."""
        return self.stacks or math.prod(shape[:-2]) <= 1
