"""How the pixels of classes make objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from napari_pseudolabel.models.cards import LabelClass

FIBRE = "fibre"
"""What an axon and its myelin are together."""
_INNER = ("axon", "axons")
_OUTER = ("myelin",)
_TOUCHING = ("nucleus", "nuclei", "cell", "cells")


@dataclass(frozen=True)
class Fibre:
    """Two classes that make one object: an axon and the myelin around it.

    Attributes
    ----------
    inner, outer
        Values of the classes.
    aspect
        Height of a pixel by its width: which myelin is nearer is said in lengths.
    """

    inner: int
    outer: int
    aspect: float = 1.0


@dataclass(frozen=True)
class Scheme:
    """How classes make objects; a class that is not named makes one of every 8-connected component.

    Attributes
    ----------
    fibres
        Pairs of classes: every component of the inner one is an object together with the part of the outer
        one that it reaches first (`fibres`). Outer components without an inner one are objects of their own.
    touching
        Classes whose objects may touch: components are divided where they are narrow.
    aspect
        Height of a pixel by its width: what is narrow is said in lengths.
    """

    fibres: tuple[Fibre, ...] = ()
    touching: tuple[int, ...] = ()
    aspect: float = 1.0

    def over(self, value: int) -> tuple[int, ...]:
        """Classes that objects of a class may grow over: an axon grows into its myelin."""
        return tuple(fibre.outer for fibre in self.fibres if fibre.inner == value)

    def under(self, value: int) -> int:
        """Return what is left where an object of a class gives way: myelin under an axon, else background."""
        return next((fibre.outer for fibre in self.fibres if fibre.inner == value), 0)

    def fibre_of(self, value: int) -> Fibre | None:
        """Return the fibre that a class is part of."""
        return next((fibre for fibre in self.fibres if value in (fibre.inner, fibre.outer)), None)


def scheme_for(classes: Iterable[LabelClass], aspect: float = 1.0) -> Scheme:
    """Return the scheme that the names of the classes stand for.

    Axon and myelin make fibres; nuclei and cells may touch; everything else is told apart by components.

    Parameters
    ----------
    aspect
        Height of a pixel by its width.
    """
    named = [(one.name.strip().lower(), one.value) for one in classes if one.value]
    inner, outer = _first(named, _INNER), _first(named, _OUTER)
    fibres = (Fibre(inner, outer, aspect),) if inner is not None and outer is not None else ()
    return Scheme(fibres, tuple(value for name, value in named if name in _TOUCHING), aspect)


def _first(named: Sequence[tuple[str, int]], names: Sequence[str]) -> int | None:
    return next((value for name, value in named if name in names), None)
