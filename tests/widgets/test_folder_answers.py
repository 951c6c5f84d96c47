"""What was said of a folder outlives napari, and never stands in the way."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QSettings

from napari_pseudolabel.widgets.common.recent_choices import RecentChoices


def test_answers_are_kept_per_folder_and_the_newest_counts(qapp, tmp_path):
    path = tmp_path / "docks.ini"
    recent = RecentChoices(path)
    assert recent.of_folder("modality", "/data/a") == ""
    recent.remember_folder("modality", "/data/a", "SEM")
    recent.remember_folder("modality", "/data/b, with = signs/%", "purple stain")
    recent.remember_folder("modality", "/data/a", "TEM")
    again = RecentChoices(path)
    assert again.of_folder("modality", "/data/a") == "TEM"
    assert again.of_folder("modality", "/data/b, with = signs/%") == "purple stain"
    assert again.of_folder("modality", "/data") == ""


def test_of_very_many_folders_those_answered_last_are_kept(qapp, tmp_path, monkeypatch):
    monkeypatch.setattr(RecentChoices, "_MOST_FOLDERS", 3)
    recent = RecentChoices(tmp_path / "docks.ini")
    for name in ("a", "b", "c", "a", "d"):
        recent.remember_folder("modality", name, name.upper())
    assert [recent.of_folder("modality", name) for name in "abcd"] == ["A", "", "C", "D"]


@pytest.mark.parametrize("value", ["no list", "[1, 2]", "{}", "null", '["ab"]', "[[1, 2, 3]]"])
def test_a_file_that_somebody_has_edited_is_as_if_nothing_was_said(qapp, tmp_path, value):
    path = tmp_path / "docks.ini"
    settings = QSettings(str(path), QSettings.Format.IniFormat)
    settings.setValue("folders/modality", value)
    settings.sync()
    recent = RecentChoices(path)
    assert recent.of_folder("modality", "/data") == ""
    recent.remember_folder("modality", "/data", "SEM")
    assert recent.of_folder("modality", "/data") == "SEM"
