"""Whether what is handed in from Python is of the kinds that the signature names: else one sentence instead of an error far below."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

import numpy as np

from napari_pseudolabel.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")

_SHOWN = 60
_WORDS = {
    str: "text",
    Path: "a path",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    NoneType: "None",
}


def checked_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Have a function refuse arguments of another kind than it declares, in one sentence that names them.

    Kinds that are only known to type checkers are not looked at, nor are images and labels, which say themselves what they take.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature.bind(*args, **kwargs)
        for name, value in given.arguments.items():
            kind = _kind(signature.parameters[name].annotation, function)
            if not _is(value, kind):
                raise InputError(_refusal(name, value, kind))
        return function(*args, **kwargs)

    return called


def _kind(annotation: Any, function: Callable[..., Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, function.__globals__)
    except NameError:
        return Any


def _is(value: object, kind: Any) -> bool:
    origin, inner = get_origin(kind), get_args(kind)
    if isinstance(kind, UnionType) or origin is Union:
        return any(_is(value, one) for one in inner)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if kind is None or kind is NoneType:
        return value is None
    if kind in (int, float):
        number = Integral if kind is int else Real
        return isinstance(value, number) and not isinstance(value, bool | np.bool_)
    if kind is bool:
        return isinstance(value, bool | np.bool_)
    if origin in (Sequence, list, tuple):
        if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str | bytes):
            return False
        return all(_is(one, inner[0]) for one in value)
    if origin in (Mapping, dict):
        return isinstance(value, Mapping)
    if kind is Any or not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return True
    return isinstance(value, kind)


def _refusal(name: str, value: object, kind: Any) -> str:
    kinds = [one for one in (get_args(kind) if _is_union(kind) else (kind,)) if one is not NoneType]
    wanted = " or ".join(dict.fromkeys(map(_words, kinds)))
    shown = repr(value)
    shown = f"{shown[:_SHOWN]}…" if len(shown) > _SHOWN else shown
    options = next((one for one in kinds if is_dataclass(one)), None)
    if isinstance(value, Mapping) and isinstance(options, type):
        return f"{name} must be {wanted}, not a dict; give {options.__name__}(**{name})."
    return f"{name} must be {wanted}, not {shown}; correct it."


def _is_union(kind: Any) -> bool:
    return isinstance(kind, UnionType) or get_origin(kind) is Union


def _words(kind: Any) -> str:
    if kind in _WORDS:
        return _WORDS[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(map(repr, inner))
    if origin in (Sequence, list, tuple):
        return f"a list (each {_words(inner[0])})"
    if origin in (Mapping, dict):
        return "a dict"
    if _is_union(kind):
        return " or ".join(_words(one) for one in inner if one is not NoneType)
    return getattr(kind, "__name__", str(kind))
