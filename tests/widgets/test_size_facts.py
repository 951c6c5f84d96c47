"""What the line about sizes says, and which magnification follows."""

from __future__ import annotations

import pytest

from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.strategies import FoundScale
from napari_pseudolabel.widgets.pseudo_label.size_facts import UNKNOWN, SizeFacts, SizeLine, size_line, times

GRID = (0.1, 20.0)
SURE = FoundScale(0.44, True, agreement=0.95)
UNSURE = FoundScale(0.6, False, "the looks agree nowhere", agreement=0.5)


@pytest.mark.parametrize(
    ("facts", "factor", "line"),
    [
        (SizeFacts(grid=GRID), None, SizeLine(UNKNOWN, warns=True)),
        (
            SizeFacts(grid=GRID, searches=False),
            1.0,
            SizeLine("unknown: the image is used as it is", warns=True),
        ),
        (
            SizeFacts(pixel_um=0.05, grid=GRID),
            0.5,
            SizeLine("0.05 µm per pixel (from the file) → magnified 0.5 times"),
        ),
        (
            SizeFacts(pixel_um=0.05, grid=(None, 20.0)),
            None,
            SizeLine(f"0.05 µm per pixel, but the model does not say its own. Scale {UNKNOWN}", warns=True),
        ),
        (
            SizeFacts(pixel_um=0.05, grid=GRID, found=FoundScale(0.5, True)),
            0.5,
            SizeLine("0.05 µm per pixel (from the file) → magnified 0.5 times"),
        ),
        (
            SizeFacts(pixel_um=0.05, awaited=True),
            None,
            SizeLine("0.05 µm per pixel (from the file)"),
        ),
        (SizeFacts(awaited=True), None, SizeLine(UNKNOWN, warns=True)),
        (
            SizeFacts(Scale(object_size_px=30), "drawn", awaited=True),
            None,
            SizeLine("objects of 30 px (drawn by you)"),
        ),
        (SizeFacts(grid=GRID, found=SURE), 0.44, SizeLine("magnified 0.44 times (found; looks agree 0.95)")),
        (
            SizeFacts(Scale(pixel_size_um=0.2), "set", pixel_um=0.05, grid=GRID),
            2.0,
            SizeLine("0.2 µm per pixel (set by you) → magnified 2.0 times"),
        ),
        (SizeFacts(problem="not square"), None, SizeLine("not square", warns=True)),
    ],
)
def test_the_line_and_what_follows(facts, factor, line):
    assert facts.factor == (factor if factor is None else pytest.approx(factor))
    assert size_line(facts) == line


def test_what_is_proposed_is_drawn_at_its_size_and_the_run_is_not_changed():
    facts = SizeFacts(grid=GRID, found=UNSURE)
    assert (facts.factor, facts.proposed) == (1.0, 0.6)
    assert facts.object_px == pytest.approx(20 / 0.6)
    assert size_line(facts).action == "apply"
    nothing = SizeFacts(grid=GRID, found=FoundScale(1.0, False, "no model looked at it"))
    assert size_line(nothing).action == ""
    assert "no model looked at it" in size_line(nothing).why


@pytest.mark.parametrize(
    ("found", "texture", "better"),
    [
        (FoundScale(0.25, True, agreement=0.9), None, 0.025),
        (FoundScale(0.4, True, agreement=0.9), None, None),
        (UNSURE, 0.1, None),
        (None, 0.1, 0.01),
        (None, None, None),
        (FoundScale(0.5, True, agreement=0.9), 4.0, None),
    ],
)
def test_a_file_is_doubted_only_by_far(found, texture, better):
    facts = SizeFacts(pixel_um=0.05, grid=GRID, found=found, texture=texture)
    assert facts.better_um == (better if better is None else pytest.approx(better))
    assert facts.factor == pytest.approx(0.5)
    told = SizeFacts(Scale(pixel_size_um=0.05), "set", 0.05, GRID)
    assert told.better_um is None


def test_magnifications_have_two_digits():
    assert [times(one) for one in (0.079, 0.444, 1, 2.04, 12.3)] == ["0.079", "0.44", "1.0", "2.0", "12"]
