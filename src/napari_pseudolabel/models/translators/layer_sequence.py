"""Read the layers of a SynDiff generator off the names and shapes of its weights.

``all_modules.N...`` numbers the layers in the order of the constructor, so the sequence of layer types
spells out the architecture. `read_tokens` turns names into types, `read_architecture` reads the sequence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.translators.weights import Shape, by
from napari_pseudolabel.types import JsonObject

_NAME = re.compile(r"all_modules\.(\d+)\.(.+)")
_SHOWN = 4
# A weight that only one type of layer has -> the weights by which that type is recognised.
_PARTS = {"GroupNorm_0.style.": ("Conv_0.weight", "Conv_1.weight"), "NIN_": ("NIN_0.W", "NIN_3.W")}


@dataclass(frozen=True)
class Token:
    """One entry of ``all_modules``: its type and its channels in and out.

    `kind` is one of linear, fourier, conv, norm, attention, block, down (a block that halves or a
    parameter-free resampling), combine, pyramid (learnt downsampling).
    """

    kind: str
    channels_in: int = 0
    channels_out: int = 0


def looks_like_generator(names: Mapping[str, object]) -> bool:
    """Whether the names (without prefix) are those of a SynDiff diffusive generator, intact or not."""
    return any(_NAME.fullmatch(name) for name in names) and any(n.startswith("z_transform.") for n in names)


def read_tokens(shapes: Mapping[str, Shape]) -> list[Token]:
    """Classify every entry of ``all_modules``; an index without weights is a parameter-free resampling.

    Raises
    ------
    CheckpointError
        If an entry has weights of no known layer.
    """
    entries: dict[int, dict[str, Shape]] = {}
    for name, shape in shapes.items():
        found = _NAME.fullmatch(name)
        if found:
            entries.setdefault(int(found[1]), {})[found[2]] = shape
    if not entries:
        raise CheckpointError("it has no entries called all_modules.N")
    if max(entries) > 4 * len(entries) + 8:
        raise CheckpointError(
            f"its layers are numbered up to {max(entries)}, but only {len(entries)} are there"
        )
    return [_token(i, entries[i]) if i in entries else Token("down") for i in range(max(entries) + 1)]


def _token(index: int, weights: dict[str, Shape]) -> Token:
    if "W" in weights:
        return Token("fourier")
    if "NIN_0.W" in weights and "NIN_3.W" in weights:
        return Token("attention")
    if "Conv_0.weight" in weights and "Conv_1.weight" in weights:
        out, into = _sides(index, weights["Conv_0.weight"])
        resampling = into == out and "Conv_2.weight" in weights
        return Token("down" if resampling else "block", into, out)
    for name, kind in (("Conv2d_0.weight", "pyramid"), ("Conv_0.weight", "pyramid"), ("weight", "conv")):
        if len(weights.get(name, ())) == 4:
            out, into = _sides(index, weights[name])
            return Token(
                "combine" if name == "Conv_0.weight" and weights[name][2:] == (1, 1) else kind, into, out
            )
    if len(weights.get("weight", ())) in (1, 2):
        return Token("norm" if len(weights["weight"]) == 1 else "linear", *reversed(weights["weight"]))
    for sign, needed in _PARTS.items():
        if any(name.startswith(sign) for name in weights):
            lost = [f"all_modules.{index}.{name}" for name in needed if name not in weights]
            raise CheckpointError(f"{' and '.join(lost)} missing")
    raise CheckpointError(
        f"all_modules.{index} is no layer of this network ({', '.join(sorted(weights)[:_SHOWN])})"
    )


def _sides(index: int, shape: Shape) -> tuple[int, int]:
    if len(shape) != 4 or 0 in shape:
        raise CheckpointError(f"all_modules.{index} has a convolution of shape {by(shape)}")
    return shape[0], shape[1]


def read_architecture(shapes: Mapping[str, Shape]) -> tuple[JsonObject, tuple[int, ...]]:
    """Read the layer sequence: revealed arguments, and the levels that carry attention."""
    tokens = read_tokens(shapes)
    found: JsonObject = {}
    start = next((i for i, t in enumerate(tokens) if t.kind == "conv"), None)
    if start is None:
        raise CheckpointError("it has no first convolution")
    embedding = [t.kind for t in tokens[:start]]
    if "fourier" in embedding:
        raise CheckpointError("it uses Fourier embeddings, which never ran in the published code")
    if embedding not in ([], ["linear", "linear"]):
        raise CheckpointError(f"it begins with {', '.join(embedding)} instead of two linear layers")
    found |= {"conditional": bool(embedding), "embedding_type": "positional"}
    found["num_channels"] = tokens[start].channels_in
    nf = found["num_channels_dae"] = tokens[start].channels_out
    found |= _latent(shapes)
    found["resblock_type"] = _block_type(shapes)
    if found["resblock_type"] == "ddpm":
        if any(t.kind == "pyramid" and tokens[i - 1].kind != "down" for i, t in enumerate(tokens)):
            raise CheckpointError(
                "it resamples ddpm blocks with convolutions, which never ran in the published code"
            )
        found["resamp_with_conv"] = False
    widths, blocks, attention, between, stop = _read_encoder(tokens, start + 1)
    found["num_res_blocks"] = blocks
    if any(width % nf for width in widths):
        raise CheckpointError(f"its levels have {by(tuple(widths))} channels, which are no multiples of {nf}")
    found["ch_mult"] = tuple(width // nf for width in widths)
    kinds = [t.kind for t in tokens[stop:]]
    found["progressive"] = "output_skip" if kinds.count("norm") > 1 else "none"
    found |= _pyramid(tokens, between, shapes)
    return found, attention


def _latent(shapes: Mapping[str, Shape]) -> JsonObject:
    layers = [s for n, s in shapes.items() if n.startswith("z_transform.") and len(s) == 2]
    if not layers:
        raise CheckpointError("it has no latent mapping called z_transform")
    widths = {s[0] for s in layers}
    return {"n_mlp": len(layers) - 1, "nz": _first_latent(shapes)[1], "z_emb_dim": max(widths)}


def _first_latent(shapes: Mapping[str, Shape]) -> Shape:
    numbered = [
        (int(found[1]), shape)
        for name, shape in shapes.items()
        if (found := re.fullmatch(r"z_transform\.(\d+)\.weight", name)) and len(shape) == 2
    ]
    if not numbered:
        raise CheckpointError("the weights of its latent mapping are missing")
    return min(numbered)[1]


def _block_type(shapes: Mapping[str, Shape]) -> str:
    blocks = {n.rsplit(".Conv_1.weight", 1)[0] for n in shapes if n.endswith(".Conv_1.weight")}
    if not any(f"{b}.GroupNorm_0.style.weight" in shapes for b in blocks):
        raise CheckpointError("its residual blocks have no adaptive normalisation")
    if any(f"{b}.NIN_0.W" in shapes for b in blocks):
        return "ddpm"
    one = any(f"{b}.GroupNorm_1.weight" in shapes for b in blocks)
    return "biggan_oneadagn" if one else "biggan"


def _read_encoder(tokens: list[Token], at: int) -> tuple[list[int], int, tuple[int, ...], list[Token], int]:
    """Read the downward half and the middle.

    Returns
    -------
    tuple
        Channels per level, residual blocks per level, levels with attention, what stands between the first
        two levels, and the index after the middle.
    """
    widths: list[int] = []
    attention: list[int] = []
    between: list[Token] = []
    blocks = 0
    while True:
        count, level = 0, len(widths)
        # The middle is block, attention, block; it ends where a block takes more channels than it gives.
        while at < len(tokens) and tokens[at].kind in ("block", "attention"):
            token = tokens[at]
            if token.kind == "block":
                if blocks and count == blocks:
                    break
                if not blocks and _decoder_begins(tokens, at):
                    count -= 2
                    break
                count += 1
                width = token.channels_out
            elif level not in attention:
                attention.append(level)
            at += 1
        if count < 1:
            raise CheckpointError(f"level {level} of its downward half has no residual block")
        widths.append(width)
        blocks = blocks or count
        if at >= len(tokens) or tokens[at].kind != "down":
            break
        at += 1
        rest = []
        while at < len(tokens) and tokens[at].kind in ("combine", "pyramid"):
            rest.append(tokens[at])
            at += 1
        between = between or rest
    if len(widths) == 1:
        # One level: reading stopped behind the middle, whose attention always exists.
        attention = [0] if [t.kind for t in tokens[:at]].count("attention") > 1 else []
        return widths, blocks, tuple(attention), between, at
    middle = [t.kind for t in tokens[at : at + 3]]
    if middle != ["block", "attention", "block"]:
        raise CheckpointError(
            f"its middle is {', '.join(middle) or 'missing'} instead of block, attention, block"
        )
    return widths, blocks, tuple(attention), between, at + 3


def _decoder_begins(tokens: list[Token], at: int) -> bool:
    """Whether a block is the first of the upward half although no level ended: there is only one."""
    token = tokens[at]
    return (
        at >= 2
        and token.channels_in > token.channels_out
        and [t.kind for t in tokens[at - 3 : at]] == ["block", "attention", "block"]
    )


def _pyramid(tokens: list[Token], between: list[Token], shapes: Mapping[str, Shape]) -> JsonObject:
    kinds = [t.kind for t in between]
    if not any(t.kind == "down" for t in tokens):
        return {}  # one level: nothing is resampled
    if kinds == ["combine"]:
        first = between[0].channels_out
        index = tokens.index(between[0])
        after = next((t for t in tokens[index:] if t.kind == "block"), None)
        doubled = after is not None and after.channels_in == 2 * first
        return {"progressive_input": "input_skip", "progressive_combine": "cat" if doubled else "sum"}
    if kinds == ["pyramid"]:
        fir = any(n.endswith(".Conv2d_0.weight") for n in shapes)
        return {"progressive_input": "residual", "fir": fir}
    if kinds:
        raise CheckpointError(f"{', '.join(kinds)} follow its first downsampling")
    return {"progressive_input": "none"}
