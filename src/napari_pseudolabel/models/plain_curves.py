"""Curves of grey levels that nobody has to fit, by names that follow from a model: ``inverted:REF`` and ``unchanged:REF``.

Inversion is what every translation must beat, and is often as good where contrasts are turned around. A curve takes what the
model REF takes and makes what it makes (of a segmenter: what it takes), so that scales are those of that model. Its file lies in
the user's cache under a name that follows from its content: it is made again whenever it is missing.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import numpy as np

from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.models.translators.curve_file import FAMILY, as_file
from napari_pseudolabel.workspace import write_bytes

PLAIN: dict[str, tuple[float, float]] = {"inverted": (1.0, 0.0), "unchanged": (0.0, 1.0)}
"""What black and white become."""

_TITLES = {"inverted": "{} to {}, inverted", "unchanged": "{} taken for {}"}
_DOES = {
    "inverted": "Turns the grey levels of {} around; textures stay as they are.",
    "unchanged": "Hands {} on as it is.",
}


def is_plain(ref: str) -> bool:
    """Whether a reference is the name of a plain curve."""
    return ref.partition(":")[0] in PLAIN


def plain_card(prefix: str, like: Card) -> Card:
    """Return the card of a plain curve for the images that a model takes."""
    takes = like.source or Modality(name="")
    target = like.target or takes
    # A segmenter says nothing about what images may be turned into those that it takes, nor about how finely they are scanned, only how
    # wide things have to be: in other species they may be ten times as large.
    unknown = {"name": "", "pixel_size_um": None if takes.object_size_px else takes.pixel_size_um}
    source = takes if like.kind == "translator" else takes.model_copy(update=unknown)
    names = (source.name or "image", target.name or "image")
    return Card(
        kind="translator",
        family=FAMILY,
        name=_TITLES[prefix].format(*names),
        description=_DOES[prefix].format(names[0]),
        source=source,
        target=target.model_copy(update={"texture": None}),
    )


def plain_curve(prefix: str, like: Card) -> Path:
    """Return the file of a plain curve, which is written where it is not there.

    Parameters
    ----------
    prefix
        One of `PLAIN`.
    like
        Card of the model whose place it takes, or before which it stands.

    Raises
    ------
    InputError
        If the cache cannot be written.
    """
    import platformdirs

    content = as_file(np.array(PLAIN[prefix], np.float32), plain_card(prefix, like))
    name = f"{prefix}-{blake2b(content, digest_size=10).hexdigest()}.safetensors"
    path = Path(platformdirs.user_cache_dir("napari-pseudolabel")) / "curves" / name
    # A file that was cut off by somebody else would be a model that does not load, for ever.
    if not path.is_file() or path.stat().st_size != len(content):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    return path
