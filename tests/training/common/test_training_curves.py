"""Curve files hold each step once, whatever was killed when."""

from __future__ import annotations

import pytest

from napari_pseudolabel.training.common.training_record import CurveFile


def test_rows_after_a_step_and_half_rows_are_dropped(tmp_path):
    curve = CurveFile(tmp_path / "losses.csv", ("step", "a", "b"))
    curve.cut(5)  # nothing to cut yet
    assert not curve.path.exists()
    for step in (10, 20, 30):
        curve.append({"step": step, "b": step / 4, "other": 1})
    whole = curve.path.read_text()
    assert whole == "step,a,b\n10,,2.5\n20,,5.0\n30,,7.5\n"
    curve.cut(30)
    assert curve.path.read_text() == whole
    with curve.path.open("a") as file:
        file.write("40,,1")  # killed while it wrote
    curve.cut(100)
    assert curve.path.read_text() == whole
    curve.cut(20)
    curve.append({"step": 30, "b": 8})
    assert curve.path.read_text() == "step,a,b\n10,,2.5\n20,,5.0\n30,,8\n"


def test_a_column_that_an_older_version_did_not_know_is_added(tmp_path):
    CurveFile(tmp_path / "measures.csv", ("step", "a")).append({"step": 10, "a": 1})
    curve = CurveFile(tmp_path / "measures.csv", ("step", "a", "b"))
    curve.cut(10)
    curve.append({"step": 20, "a": 2, "b": 3})
    assert curve.path.read_text() == "step,a,b\n10,1\n20,2,3\n"


@pytest.mark.parametrize("text", ["step,a\r\n10,1\r\n20,2\r\n", "st"])
def test_other_line_ends_and_half_a_header_are_understood(tmp_path, text):
    curve = CurveFile(tmp_path / "losses.csv", ("step", "a"))
    curve.path.write_bytes(text.encode())
    curve.cut(10)
    assert curve.path.read_text() in ("step,a\n10,1\n", "step,a\n")
