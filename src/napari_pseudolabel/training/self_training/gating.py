"""Which pixels a segmenter may be taught from its own labels, and which a person has decided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DECIDED, MACHINE = np.float32(1.0), np.float32(0.5)
"""Weights in the loss: of what a person has decided, and of what a machine says."""


@dataclass(frozen=True, eq=False)
class TargetLabels:
    """What a segmenter says of a plane.

    Attributes
    ----------
    labels
        (H, W) uint8 class values, by the mean of the looks.
    votes
        (K, H, W) uint8, class values by each look alone.
    sure
        (H, W) float32 in [0, 1], mean probability of what is in `labels`; NaN where nothing was predicted.
    """

    labels: NDArray[np.uint8]
    votes: NDArray[np.uint8]
    sure: NDArray[np.float32]

    def passes(self, least: float) -> NDArray[np.bool_]:
        """(H, W), where all looks agree and are surer than `least`, in [0, 1]."""
        # What was not predicted is not more than anything.
        return (self.votes == self.labels).all(axis=0) & (self.sure > least)


@dataclass(frozen=True, eq=False)
class PlaneDecisions:
    """What a person has decided about a plane.

    Attributes
    ----------
    truth
        (H, W) uint8 class values; they mean something where `touched`.
    touched
        (H, W), True where the person corrected or confirmed.
    held_out
        (H, W), True where the decision only validates and nothing may be learned, not even from the machine.
    """

    truth: NDArray[np.uint8]
    touched: NDArray[np.bool_]
    held_out: NDArray[np.bool_]

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> PlaneDecisions:
        """Nobody has decided anything."""
        return cls(np.zeros(shape, np.uint8), np.zeros(shape, bool), np.zeros(shape, bool))

    @property
    def judges(self) -> NDArray[np.bool_]:
        """(H, W), pixels whose truth is known and is not learned."""
        return self.touched & self.held_out


def gated(
    said: TargetLabels, decided: PlaneDecisions, least: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return what is taught of a plane.

    Parameters
    ----------
    least
        How sure the machine has to be, in [0, 1].

    Returns
    -------
    labels, weight
        (H, W) uint8 and (H, W) float32: `DECIDED` where a person decided, whatever the machine says; `MACHINE` where that
        passes the gate; 0 elsewhere, where nothing was predicted, and where the decision validates.
    """
    # What judges must not be told from how a patch is changed either, which follows from the labels.
    labels = np.where(decided.touched & ~decided.held_out, decided.truth, said.labels)
    weight = np.where(said.passes(least), MACHINE, np.float32(0))
    weight = np.where(decided.touched, DECIDED, weight)
    return labels, np.where(decided.held_out, np.float32(0), weight)
