"""Small steps that the families of segmenters share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, combinations
from typing import cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.outline import outlined
from napari_pseudolabel.wording import some

_LISTED = 4
# Eight tiles of 128; with more a CPU becomes slower again.
_TOGETHER_PIXELS = 2**17


def most_likely(probabilities: NDArray[np.float32], classes: tuple[LabelClass, ...]) -> NDArray[np.uint8]:
    """Return the value of the most probable class of every pixel: (K, H, W) -> (H, W)."""
    # As np.argmax over the first axis, which takes four times as long: of classes as probable as each other the first.
    found = np.full(probabilities.shape[1:], classes[0].value, np.uint8)
    best = probabilities[0]
    for one, label_class in zip(probabilities[1:], classes[1:], strict=True):
        better = one > best
        found[better] = label_class.value
        best = np.where(better, one, best)
    return found


def as_channels(image: ArrayLike, channels: int) -> NDArray[np.float32]:
    """Return an image (H, W) or (C, H, W) as (C, H, W) float32.

    Raises
    ------
    InputError
        If it has another number of axes or channels, or no pixels.
    """
    array = np.asarray(image, dtype=np.float32)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or array.size == 0:
        raise InputError(f"A segmenter takes (Y, X) or (C, Y, X) images, not one of shape {array.shape}.")
    if len(array) != channels:
        raise InputError(
            f"The image has {len(array)} channel{'s'[: len(array) > 1]}, but the segmenter was trained on "
            f"{channels}; choose the channel, or another segmenter."
        )
    return array


def mirrored(network: Callable[[Tensor], Tensor], x: Tensor, axes: Sequence[int]) -> Tensor:
    """Mean of a network's answers over all flips of (B, C, h, w) along `axes` (0: rows, 1: columns)."""
    flips = [
        tuple(axis + 2 for axis in chosen)
        for count in range(len(axes) + 1)
        for chosen in combinations(axes, count)
    ]
    # A few small tiles leave a CPU time for more of them; what fits a GPU was chosen by the batch.
    room = max(_TOGETHER_PIXELS // x[:, 0].numel(), 1) if x.device.type == "cpu" else 1
    total: Tensor | None = None
    for begin in range(0, len(flips), room):
        some_flips = flips[begin : begin + room]
        answers = network(torch.cat([x.flip(flip) for flip in some_flips])).split(len(x))
        for flip, answer in zip(some_flips, answers, strict=True):
            back = answer.flip(flip)
            total = back if total is None else total + back
    assert total is not None  # no flip is one of them
    return total / len(flips)


def own_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and saved buffers of a network by name; those listed twice only by their first."""
    saved = network.state_dict()
    everything = chain(network.named_parameters(), network.named_buffers())
    return {name: tensor for name, tensor in everything if name in saved}


def fitted(
    make: Callable[[], nn.Module], weights: Mapping[str, object], name: str, example: tuple[int, ...]
) -> nn.Module:
    """Build a network and fill it, after a look at what it would be like.

    A description of a few bytes can ask for a network of any size. So it is first built without memory and
    compared with the weights that are really there, and in the end shown an image.

    Parameters
    ----------
    make
        Builds it.
    weights, name
        As for `fill`.
    example
        (B, C, h, w) of a small image that it must be able to take.

    Returns
    -------
    nn.Module
        In evaluation mode.

    Raises
    ------
    CheckpointError
        If the description is impossible, or the weights do not fit it.
    """
    try:
        shape = outlined(make)
    except CheckpointError:
        raise
    except Exception as error:  # numbers that no layer can have raise whatever they like
        raise CheckpointError(f"{name} asks for a network that cannot exist ({error}).") from None
    check_fit(shape, weights, name)
    network = make()
    fill(network, weights, name)
    network.eval()
    try:
        with torch.inference_mode():
            answer = network(torch.zeros(example))
    except Exception as error:  # steps that do not fit each other raise whatever they like
        raise CheckpointError(f"{name} describes a network that cannot take an image ({error}).") from None
    if answer.ndim != 4 or answer.shape[2:] != example[2:]:
        raise CheckpointError(f"{name} describes a network that does not answer in the size of its image.")
    return network


def check_fit(network: nn.Module, weights: Mapping[str, object], name: str) -> None:
    """Compare the weights of a network with those in a file; raises as `fill` does."""
    expected = own_tensors(network)
    problems = []
    if missing := [key for key in expected if key not in weights]:
        problems.append(f"it lacks {some(missing, _LISTED)}")
    if unknown := [str(key) for key in weights if key not in expected]:
        problems.append(f"it has {some(unknown, _LISTED)}, which the network has not")
    wrong = []
    for key, own in expected.items():
        tensor = weights.get(key)
        if key in weights and not (isinstance(tensor, Tensor) and tensor.shape == own.shape):
            found = _shape(tensor) if isinstance(tensor, Tensor) else f"a {type(tensor).__name__}"
            wrong.append(f"{key} is {found} instead of {_shape(own)}")
    if wrong:
        problems.append(some(wrong, _LISTED))
    if problems:
        raise CheckpointError(f"{name} does not fit its network: {'; '.join(problems)}.")


def fill(network: nn.Module, weights: Mapping[str, object], name: str) -> None:
    """Load weights into a network, as float32.

    Parameters
    ----------
    network
        Filled in place.
    weights
        Parameter and buffer names to tensors; exactly those of the network.
    name
        What the weights are called in the error.

    Raises
    ------
    CheckpointError
        Lists missing, unknown and misshapen tensors in words.
    """
    check_fit(network, weights, name)
    with torch.no_grad():
        for key, own in own_tensors(network).items():
            own.copy_(cast(Tensor, weights[key]))


def _shape(tensor: Tensor) -> str:
    return "x".join(str(n) for n in tensor.shape) or "a single number"
