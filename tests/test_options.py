"""Checks, texts and the way into files and back follow from what options declare."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from write_option_page import PAGE, groups, page

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Channel
from napari_pseudolabel.options import Checked, Option, changed, options_of, read, written


@dataclass(frozen=True)
class Size(Checked):
    pixels: Annotated[float | None, Option("In pixels.", above=0, flag="--pixels")] = None
    share: Annotated[float | None, Option("Of the image.", above=0, below=1)] = None


@dataclass(frozen=True)
class Toy(Checked):
    steps: Annotated[int, Option("How many.", least=1, most=9)] = 3
    rate: Annotated[float, Option("How fast.", title="Learning rate", above=0, below=1)] = 0.5
    level: Annotated[float, Option("How bright.", least=0)] = 0.25
    mirrors: Annotated[int, Option("How often.", title="Look also at mirrors", term="flips", most=3)] = 0
    kind: Annotated[Literal["smooth", "sharp"], Option("Which.")] = "smooth"
    channel: Annotated[Channel | None, Option("Where.", seen="shell")] = None
    patience: Annotated[int | None, Option("How long.", least=1, special="for ever")] = None
    size: Annotated[Size, Option("How large.", special="As it is")] = field(default_factory=Size)
    note: str = ""


numbers = st.integers(-20, 20) | st.floats()


def test_every_option_is_found_with_its_place():
    found = {one.path: one for one in options_of(Toy)}
    assert ("note",) not in found
    assert list(found)[-2:] == [("size", "pixels"), ("size", "share")]
    assert found["size", "share"].flag == "--share"
    assert found["rate",].title == "Learning rate"
    assert found["patience",].optional
    assert found["patience",].value_kind is int
    assert found["size", "pixels"].within.sentence == "How large."
    assert [one.name for one in options_of(Toy, frozenset({"size", "kind"}))][-2:] == ["channel", "patience"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [({"steps": 0}, "Steps must be from 1 to 9, not 0."), ({"steps": 10}, "Steps must be from 1 to 9, not 10."),
     ({"rate": 1.0}, "Learning rate must be above 0 and below 1, not 1."),
     ({"level": -0.5}, "Level must be 0 or more, not -0.5."), ({"rate": float("nan")}, "Learning rate must be above 0"),
     ({"patience": 0}, "Patience must be 1 or more, not 0."),
     # Who comes from the shell knows the term, not the title of a dock.
     ({"mirrors": 4}, "Flips must be 3 or less, not 4.")],
)  # fmt: skip
def test_what_is_out_of_range_is_refused_by_one_sentence(values, sentence):
    with pytest.raises(InputError) as caught:
        Toy(**values)
    assert str(caught.value).startswith(sentence)


@given(numbers)
def test_an_option_takes_what_its_range_says(value):
    for name in ("steps", "rate", "level"):
        option = next(one.option for one in options_of(Toy) if one.name == name)
        try:
            Toy(**{name: value})
        except InputError:
            assert not option.allows(value) or (name == "steps" and value % 1)
        else:
            assert option.allows(value)


@given(
    steps=st.integers(1, 9),
    kind=st.sampled_from(["smooth", "sharp"]),
    channel=st.none() | st.integers(0, 9) | st.sampled_from(["mean", "luminance"]),
    patience=st.none() | st.integers(1, 99),
    share=st.none() | st.floats(0.01, 0.99),
)
def test_options_come_back_from_json(steps, kind, channel, patience, share):
    options = Toy(steps, kind=kind, channel=channel, patience=patience, size=Size(share=share))
    assert read(Toy, json.loads(json.dumps(written(options)))) == options


@pytest.mark.parametrize(
    ("found", "says"),
    [({"colour": 1}, "no option colour"), ({"size": {"area": 2}}, "no option area"), ("steps", "names with values"),
     ({"steps": "many"}, "steps"), ({"steps": 12}, "Steps must be from 1 to 9, not 12"), ({"size": 3}, "names with values")],
)  # fmt: skip
def test_what_no_option_was_is_refused(found: Any, says: str):
    with pytest.raises(ValueError, match=says):
        read(Toy, found)


def test_options_change_by_their_place():
    assert changed(Toy(), {("steps",): 4, ("size", "pixels"): 7.0}) == Toy(4, size=Size(pixels=7.0))
    with pytest.raises(InputError, match="Steps"):
        changed(Toy(), {("steps",): 0})


@pytest.mark.parametrize(("text", "value"), [("2", 2), ("mean", "mean"), ("DAPI", "DAPI")])
def test_a_value_is_read_as_it_is_typed(text, value):
    assert next(one for one in options_of(Toy) if one.name == "channel").read(text) == value


def test_what_cannot_be_read_says_what_can():
    options = {one.name: one for one in options_of(Toy)}
    with pytest.raises(InputError, match="“many” is no steps; give a whole number from 0"):
        options["steps"].read("many")
    with pytest.raises(InputError, match="“soft” is no kind; give smooth or sharp"):
        options["kind"].read("soft")


def test_the_page_says_what_the_code_declares():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tools/write_option_page.py"
    listed = {one.__name__ for one in groups()}
    assert {"LabelSettings", "Scale", "TileSettings", "ToolOptions"} <= listed
