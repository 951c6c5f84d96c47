"""The source text: loading a TorchScript file runs parts of it, so the text is looked at before.

PyTorch computes the defaults of parameters and the constants of classes while it loads, and calls every
``__setstate__`` (tried with PyTorch 2.13). Here defaults and constants are values, and there is no such method. The text is parsed as
Python, of which TorchScript is a part; to be sure that both parsers read the same, it holds nothing but printable
ASCII and strings in double quotes, as ``torch.jit.save`` writes it.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection

from napari_pseudolabel.models.segmenters.torchscript.layout import TorchScriptArchive, foreign
from napari_pseudolabel.models.segmenters.torchscript.operators import ALLOWED, refused

_STRING = re.compile(rb'"(?:[ !#-\[\]-~]|\\[ -~])*"')
_PLAIN = re.compile(rb"[\nA-Za-z0-9_ ,.:;()\[\]{}=+\-*/%<>!&|^~@?]*")
_RUN_AT_LOAD = (b"__setstate__", b"__getstate__")
_BASES = ("Module", "NamedTuple")
_SPACES = ("torch", "ops", "__torch__")
_NUMBERS = ("inf", "nan", "infj", "nanj")


def check_sources(content: TorchScriptArchive) -> None:
    """Check all source text of an archive.

    Raises
    ------
    CheckpointError
        If it would run anything while it is loaded, is not as ``torch.jit.save`` writes it, or names an operator
        that is not on the list.
    """
    trees = [_tree(text, content.name) for text in content.sources().values()]
    methods = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for tree in trees:
        _check_tree(tree, methods, content.name)


def _tree(text: bytes, name: str) -> ast.Module:
    _check_letters(text, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.decode("ascii"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise foreign(name, "holds source text that cannot be read") from None


def _check_letters(text: bytes, name: str) -> None:
    for method in _RUN_AT_LOAD:
        if method in text:
            raise refused(name, method.decode())
    if not _PLAIN.fullmatch(_STRING.sub(b" ", text)):
        raise foreign(name, "holds source text with unusual characters")
    # Letters or quotes next to a string may mean different things to different parsers.
    if re.search(rb'[\w"]\0|\0[\w"]|\0\0', _STRING.sub(b"\0", text)):
        raise foreign(name, "holds source text with unusual strings")


def _check_tree(tree: ast.Module, methods: Collection[str], name: str) -> None:
    for statement in tree.body:
        _check_outermost(statement, name)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            defaults = [*arguments.defaults, *(one for one in arguments.kw_defaults if one is not None)]
            if node.decorator_list or not all(map(_is_value, defaults)):
                raise foreign(name, f"computes a default of {node.name}() while it is loaded")
        elif isinstance(node, ast.Attribute):
            if (operator := _operator(node)) is not None and operator not in ALLOWED:
                raise refused(name, operator)
        elif isinstance(node, ast.Call):
            method = _method(node)
            if method is not None and method not in methods and f"aten::{method}" not in ALLOWED:
                raise refused(name, method)
        elif isinstance(node, ast.Lambda | ast.AsyncFunctionDef | ast.JoinedStr):
            raise foreign(name, "holds source text that is no TorchScript")


def _check_outermost(statement: ast.stmt, name: str) -> None:
    if isinstance(statement, ast.ClassDef):
        if any(not isinstance(base, ast.Name) or base.id not in _BASES for base in statement.bases):
            raise foreign(name, f"holds a class {statement.name} of an unusual kind")
        for inner in statement.body:
            _check_member(inner, statement.name, name)
    elif isinstance(statement, ast.Import):  # in files of older versions
        if any(not one.name.startswith("__torch__") for one in statement.names):
            raise foreign(name, "imports other code")
    elif isinstance(statement, ast.Assign):
        if not _is_value(statement.value):
            raise foreign(name, "computes something while it is loaded")
    elif not isinstance(statement, ast.FunctionDef):
        raise foreign(name, "runs something while it is loaded")


def _check_member(member: ast.stmt, of: str, name: str) -> None:
    """Check a line of a class: an attribute and its type, a constant, a list of names, or a method."""
    if isinstance(member, ast.FunctionDef | ast.Pass):
        return
    fine = False
    if isinstance(member, ast.AnnAssign):
        fine = _is_type(member.annotation) and (member.value is None or _is_value(member.value))
    elif isinstance(member, ast.Assign):
        is_annotation = isinstance(member.targets[0], ast.Subscript)
        fine = _is_type(member.value) if is_annotation else _is_value(member.value)
    if not fine:
        raise foreign(name, f"computes a constant of {of} while it is loaded")


def _is_value(node: ast.expr) -> bool:
    """Whether an expression is a value and nothing to compute."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Name):
        return node.id in _NUMBERS
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "CONSTANTS"
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and _is_value(node.operand)
    if isinstance(node, ast.List | ast.Tuple):
        return all(map(_is_value, node.elts))
    if isinstance(node, ast.Dict):
        return all(key is not None and _is_value(key) for key in node.keys) and all(
            map(_is_value, node.values)
        )
    if isinstance(node, ast.Call) and not node.keywords:
        if isinstance(node.func, ast.Name) and node.func.id == "annotate" and len(node.args) == 2:
            return _is_type(node.args[0]) and _is_value(node.args[1])
        return _chain(node.func) == ("torch", "device") and all(map(_is_value, node.args))
    return False


def _is_type(node: ast.expr) -> bool:
    if isinstance(node, ast.Subscript):
        return _is_type(node.value) and _is_type(node.slice)
    if isinstance(node, ast.Tuple | ast.List):
        return all(map(_is_type, node.elts))
    return isinstance(node, ast.Name | ast.Constant) or _chain(node) is not None


def _operator(node: ast.Attribute) -> str | None:
    """Return the operator that ``torch.conv2d`` or ``ops.prim.NumToTensor`` stands for."""
    chain = _chain(node)
    if chain is None:
        return None
    if chain[0] == "torch":
        return f"aten::{'.'.join(chain[1:])}"
    if chain[0] == "ops" and len(chain) > 2:
        return f"{chain[1]}::{'.'.join(chain[2:])}"
    return None


def _method(node: ast.Call) -> str | None:
    """Return what is called on a value: a method of the network, or an operator that is written like one of a tensor."""
    if not isinstance(node.func, ast.Attribute):
        return None
    chain = _chain(node.func)
    return None if chain is not None and chain[0] in _SPACES else node.func.attr


def _chain(node: ast.expr) -> tuple[str, ...] | None:
    """Return the names of ``a.b.c``."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else None
