"""By what files are known without reading all of large ones."""

import os

import pytest

from napari_pseudolabel.workspace import file_content
from napari_pseudolabel.workspace.file_content import content_of


@pytest.mark.parametrize(("place", "seen"), [(0, True), (30, False), (99, True)])
def test_what_is_written_into_a_large_file_is_noticed_by_its_time_wherever_it_is(
    tmp_path, monkeypatch, place, seen
):
    monkeypatch.setattr(file_content, "_WHOLE_BYTES", 50)
    monkeypatch.setattr(file_content, "_BLOCK_BYTES", 4)
    monkeypatch.setattr(file_content, "_BLOCKS", 3)
    path = tmp_path / "a.tif"
    path.write_bytes(bytes(100))
    os.utime(path, ns=(10**18, 10**18))
    before = content_of([path])
    changed = bytearray(100)
    changed[place] = 1
    path.write_bytes(changed)
    assert content_of([path]) != before
    # As a copy does that keeps the time.
    os.utime(path, ns=(10**18, 10**18))
    assert (content_of([path]) != before) == seen
