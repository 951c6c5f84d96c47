"""Which image of a list is worth a person's time next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from napari_pseudolabel.collection.image_gain import ImageGain, gain_in
from napari_pseudolabel.collection.image_list import ImageList, ListedImage
from napari_pseudolabel.errors import InputError


@dataclass(frozen=True)
class NextImage:
    """The image with the most to gain, of those that were not seen yet.

    Attributes
    ----------
    again
        All others were seen, so it is one of them.
    """

    one: ListedImage
    gain: ImageGain
    again: bool = False


def next_image(images: ImageList, *, seen: Collection[str] = (), shown: str = "") -> NextImage | None:
    """Return the image with the most to gain; None where nothing is left to gain anywhere.

    Parameters
    ----------
    seen
        Names of images that a person looked at and left; they come after all others.
    shown
        Name of the one that is open.
    """
    known: list[tuple[ListedImage, ImageGain]] = []
    for one in images.images():
        try:
            gain = gain_in(images, one)
        except InputError:
            continue  # it says why when it is opened
        if gain is not None and gain.rate > 0 and one.name != shown:
            known.append((one, gain))
    fresh = [pair for pair in known if pair[0].name not in seen]
    best = max(fresh or known, key=lambda pair: pair[1].rate, default=None)
    return None if best is None else NextImage(*best, again=not fresh)
