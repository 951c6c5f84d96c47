"""Write into the cards of the shipped checkpoints how coarse the images were that they learned from.

    python tools/write_textures.py DATA [FOLDER]

DATA as for ``train_model.py``, whose trainings write the same by themselves; only training images are read, no labels. Weights stay
byte for byte as they are. Files change nevertheless, so cards that name one as their parent are written anew as well. May be
run again at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from recipes.contrasts import RANDOM_CONTRASTS
from recipes.pairs import LABELLED_SETS, PAIRS, PROXIES

from napari_pseudolabel import sample_data
from napari_pseudolabel.imaging.scale import texture_of
from napari_pseudolabel.models.card_files import HEADER_KEY
from napari_pseudolabel.workspace import write_bytes

FOLDER = Path(sample_data.__file__).parent / "checkpoints"


def images_of(name: str, data: Path) -> Sequence[NDArray[np.float32]] | None:
    """Images of the modality that a checkpoint takes, on its grid; None for one that no recipe knows."""
    if name in LABELLED_SETS:
        return [plane.image for plane in LABELLED_SETS[name].training(data)]
    if name in PROXIES:
        target = PROXIES[name].target
        return target.pair.images(data)[target.look]
    if name in RANDOM_CONTRASTS:
        return images_of(RANDOM_CONTRASTS[name].parent.removeprefix("sample:"), data)
    for pair in PAIRS.values():
        for k, made in enumerate(pair.names):
            if name in (made, f"{made}-grey-levels"):
                return pair.images(data)[1 - k]
    return None


def with_card(content: bytes, card: dict[str, Any]) -> bytes:
    """Return a safetensors file with another card in its header."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"][HEADER_KEY] = json.dumps(card)
    written = json.dumps(header, separators=(",", ":")).encode()
    written += b" " * (-len(written) % 8)
    return len(written).to_bytes(8, "little") + written + content[8 + length :]


def card_in(content: bytes) -> dict[str, Any]:
    """Return the card of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    found: dict[str, Any] = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][HEADER_KEY])
    return found


def main(data: Path, folder: Annotated[Path, typer.Argument()] = FOLDER) -> None:
    """Write them."""
    renamed: dict[str, str] = {}
    waiting = sorted(folder.glob("*.safetensors"))
    # Parents first, as long as any of them waits.
    sums = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in waiting}
    while waiting:
        path = next(
            one
            for one in waiting
            if sums.get(card_in(one.read_bytes()).get("parent") or "") not in {*waiting}
        )
        waiting.remove(path)
        before = path.read_bytes()
        card = card_in(before)
        images = images_of(path.stem, data)
        texture = None if images is None else texture_of(images)
        if texture is None:
            typer.echo(f"{path.name}: no recipe knows what it learned from")
        else:
            card["source"]["texture"] = json.loads(json.dumps(asdict(texture)))
        if (parent := card.get("parent")) in renamed:
            card["parent"] = renamed[parent]
        after = with_card(before, card)
        if card != card_in(before):
            write_bytes(path, after)
        else:
            after = before
        renamed[hashlib.sha256(before).hexdigest()] = hashlib.sha256(after).hexdigest()
        typer.echo(f"{path.name}: {texture}")


if __name__ == "__main__":
    typer.run(main)
