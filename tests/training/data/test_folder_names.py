"""Names of modalities after the folders of their images."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.training.data.folder_names import folder_name, folder_names, slug


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        ("sem tem", "sem tem"),
        ("A/images B/images", "A B"),
        ("A/images/ ./B/images/.", "A B"),
        ("A/x/../images B/images", "A B"),
        ("A/images B", "A B"),
        ("A/images/images B/images/images", "A B"),
        ("A/train/raw B/train/raw", "A B"),
        ("rat/sem/images mouse/tem/images", "sem tem"),
        ("images/A images/B", "A B"),
        ("A/images A/others", "images others"),
        ("A/images A/img", "images img"),
        ("A/images A/images/B", "images B"),
        ("A-b/raw A_b/raw", "A-b A_b"),
        ("x/A!/raw y/A/raw", "x y"),
        ("A/images B/images C/images", "A B C"),
        ("rat/sem/raw mouse/sem/raw rat/tem/raw", "sem-rat sem-mouse tem-rat"),
    ],
)
def test_names_are_what_tells_folders_apart(tmp_path, monkeypatch, folders, names):
    monkeypatch.chdir(tmp_path)
    assert folder_names(*map(Path, folders.split())) == tuple(names.split())


def test_links_have_the_name_under_which_they_were_given(tmp_path):
    for name, target in (("sem", "1/images"), ("tem", "2/images")):
        (tmp_path / target).mkdir(parents=True)
        (tmp_path / name).symlink_to(tmp_path / target)
    assert folder_names(tmp_path / "sem", tmp_path / "tem") == ("sem", "tem")
    (tmp_path / "again").symlink_to(tmp_path / "1" / "images")
    with pytest.raises(InputError, match="Both modalities are in the same folder"):
        folder_names(tmp_path / "sem", tmp_path / "again")


def test_here(tmp_path, monkeypatch):
    for name in ("A/images", "B/images"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "A" / "images")
    assert folder_names(Path("."), Path("../../B/images")) == ("A", "B")
    with pytest.raises(InputError, match="Both modalities are in the same folder"):
        folder_names(Path("."), tmp_path / "A" / "images")
    assert (folder_name(Path(".")), folder_name(Path("../../B/")), folder_name(Path("/"))) == (
        "A",
        "B",
        "images",
    )


@given(
    st.lists(
        st.lists(st.sampled_from(["images", "A", "B", "a", "-"]), min_size=1, max_size=4).map("/".join),
        min_size=2,
        max_size=3,
        unique_by=lambda path: Path(path),
    )
)
def test_different_folders_have_different_names(paths):
    names = folder_names(*(Path("/data") / path for path in paths))
    same = [slug(path) for path in paths]
    for one, other in combinations(range(len(paths)), 2):
        if same[one] != same[other]:  # `A` and `a`, and `-`, may be the same in a file name
            assert slug(names[one]) != slug(names[other])
