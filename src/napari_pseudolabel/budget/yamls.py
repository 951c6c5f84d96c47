"""YAML of limited size, depth and number of values: plain values, no types of anybody, nothing said once and used often."""

from __future__ import annotations

from typing import Any

from napari_pseudolabel.budget.files import in_words
from napari_pseudolabel.budget.limits import BUDGET
from napari_pseudolabel.errors import FileError


def parse_yaml(content: bytes, name: str) -> Any:
    """Parse a YAML text.

    Parameters
    ----------
    content
        UTF-8.
    name
        What it is called in the error.

    Raises
    ------
    FileError
        If it is no YAML of plain values, repeats a part by reference, or is beyond the BUDGET.
    """
    import yaml  # type: ignore[import-untyped, unused-ignore]

    if len(content) > BUDGET.yaml_bytes:
        raise FileError(
            f"{name} holds {in_words(len(content))} of YAML; {in_words(BUDGET.yaml_bytes)} are read."
        )
    depth = 0
    try:
        text = content.decode("utf-8-sig")
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):  # a few lines can stand for more than a memory holds
                raise FileError(f"{name} repeats a part of itself by reference (&, *); write it out.")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > BUDGET.depth:
                raise FileError(f"{name} is nested more than {BUDGET.depth} levels deep; it was not read.")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{name} is no valid YAML; correct or replace it.") from None
