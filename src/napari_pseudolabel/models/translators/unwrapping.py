"""Weights of one network inside of what a training saved: wrapped, averaged, beside optimisers and statistics."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from napari_pseudolabel.models.safe_load import strip_prefixes

State = dict[str, torch.Tensor]

# What trainings call the one network that they keep, the averaged ones first.
_AVERAGED = re.compile(r"(?:.*_)?ema(?:_.*)?|averaged?_model|shadow", re.IGNORECASE)
_WRAPPERS = (
    *("params", "state_dict", "model_state_dict", "model_state", "model", "module", "net", "network"),
    *("generator", "generator_state_dict", "gen", "netG", "net_g", "net_G", "G", "weights"),
)
_JUDGES = re.compile(r".*(disc|critic|optim|sched|loss).*|.*[_.]?net_?d|.*_d", re.IGNORECASE)
_DEPTH = 4
# Of normalisations that use those of the image all the same, and of averages.
_COUNTERS = re.compile(r"(?:.*\.)?(running_mean|running_var|num_batches_tracked|n_averaged)")


@dataclass(frozen=True)
class Unwrapped:
    """Weights without prefixes, and what had to be decided.

    Attributes
    ----------
    inferred
        Entries for the card.
    warnings
        Sentences for the person.
    """

    state: State
    inferred: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def unwrap(value: object) -> Unwrapped | None:
    """Find the weights of one network; None if there are none.

    Of several, averaged weights (EMA) come first, and then the usual names of a generator in a fixed order. Running
    statistics are left out: the networks of translators normalise by the image that they see.
    """
    found = list(_candidates(value, (), _DEPTH))
    if not found:
        return None
    where, state = found[0]
    inferred, warnings = [], []
    if where:
        inferred.append(f"weights: {'.'.join(where)}")
    if len(found) > 1:
        names = ", ".join(".".join(path) for path, _ in found)
        warnings.append(f"It holds several sets of weights ({names}); those of {'.'.join(where)} are used.")
    kept = {name: weight for name, weight in state.items() if not _COUNTERS.fullmatch(name)}
    if any(name.endswith("running_mean") for name in state):
        inferred.append("running statistics: ignored")
        warnings.append(
            "Its running statistics are ignored: the network normalises by the image that it sees."
        )
    return Unwrapped(kept, tuple(inferred), tuple(warnings))


def _candidates(value: object, where: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], State]]:
    if not isinstance(value, Mapping) or depth < 0:
        return
    tensors = {
        str(name): weight
        for name, weight in value.items()
        if isinstance(name, str) and isinstance(weight, torch.Tensor)
    }
    inner: Mapping[Any, Any] = value
    if tensors:
        groups = _groups(strip_prefixes(tensors))
        if groups is None:
            state = strip_prefixes(tensors)
            wraps = any(_is_wrapper(name) and isinstance(one, Mapping) for name, one in value.items())
            # A counter or a learning rate beside other things is no network.
            if any(weight.ndim for weight in state.values()) and not wraps:
                yield where, state
                return
        else:
            inner = {**{name: one for name, one in value.items() if isinstance(one, Mapping)}, **groups}
    for name in sorted((one for one in inner if _is_wrapper(one)), key=_rank):
        yield from _candidates(inner[name], (*where, name), depth - 1)


def _groups(state: State) -> dict[str, State] | None:
    """Names such as ``generator.model.1.weight`` by what stands before the first dot, if that wraps a network."""
    groups: dict[str, State] = {}
    for name, weight in state.items():
        first, _, rest = name.partition(".")
        groups.setdefault(first, {})[rest] = weight
    wrapping = {
        first
        for first, own in groups.items()
        # `model.1.weight` is how the published networks themselves are called
        if _is_wrapper(first) and not any(rest[:1].isdigit() or not rest for rest in own)
    }
    return {first: groups[first] for first in wrapping} or None


def _is_wrapper(name: object) -> bool:
    if not isinstance(name, str) or _JUDGES.fullmatch(name):
        return False
    return name in _WRAPPERS or _AVERAGED.fullmatch(name) is not None


def _rank(name: str) -> tuple[int, str]:
    return (-1 if _AVERAGED.fullmatch(name) else _WRAPPERS.index(name)), name
