"""The limits, in one place. They are far above what honest files need, and far below what stops a machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """What one file may cost.

    Time is counted in steps and items, so that the answer is the same on every machine.

    Attributes
    ----------
    file_bytes
        Size of a file of weights.
    json_bytes
        Size of a JSON text: a card, plans, a sidecar, the header of a safetensors file.
    yaml_bytes
        Size of a YAML text: the description of a package, a list of models.
    markup_bytes
        Size of the XML in an image.
    items
        Values in a JSON text, entries of a folder.
    depth
        How deeply values may be nested.
    pickle_bytes, pickle_steps
        Size and number of operations of one pickle.
    built
        Values, and bytes of text, that the operations of a pickle may hand on. Shared values count each time.
    key_size
        Values in a key of a dictionary.
    odd_keys
        Keys of one pickle that are no text: their hashes can be made to collide.
    entries
        Files in an archive.
    growth
        How many times its size an archive may unpack to.
    planes
        Planes of an image.
    pixels_per_byte
        How many bytes of pixels a byte of an image file may stand for. Deflate ends at 1032.
    small_image_bytes
        Images up to this size may be of anything, such as a single colour.
    chunks
        Pieces in which a plane may be stored.
    """

    file_bytes: int = 2**37
    json_bytes: int = 2**24
    yaml_bytes: int = 2**20
    markup_bytes: int = 2**26
    items: int = 1_000_000
    depth: int = 100
    pickle_bytes: int = 2**28
    pickle_steps: int = 2_000_000
    built: int = 2**26
    key_size: int = 100
    odd_keys: int = 20_000
    entries: int = 100_000
    growth: int = 100
    planes: int = 1_000_000
    pixels_per_byte: int = 2_000
    small_image_bytes: int = 2**28
    chunks: int = 2**20


BUDGET = Budget()
