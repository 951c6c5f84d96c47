"""Curves that nobody has to fit, by names that follow from a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models import load_translator, resolve
from napari_pseudolabel.models.registry import card_of


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path / "cache"))


def test_an_inversion_stands_where_its_model_would():
    found, like = load_translator("inverted:sample:sem-to-tem"), card_of("sample:sem-to-tem")
    assert found.card.source == like.source
    assert (found.card.target.name, found.card.target.pixel_size_um) == ("TEM", like.target.pixel_size_um)
    x = torch.linspace(-1, 1, 9).reshape(1, 1, 3, 3)
    torch.testing.assert_close(found.network(x), -x)
    same = load_translator("unchanged:sample:tem-axons")
    torch.testing.assert_close(same.network(x), x)
    assert (same.card.source.name, same.card.target.name) == ("", "TEM")  # any image, taken for TEM
    # How wide things have to be holds for any image; how wide a pixel is holds for TEM of one species.
    known = same.card.source.pixel_size_um, same.card.source.object_size_px
    assert known == (None, like.target.object_size_px)


def test_the_file_is_made_again_where_it_is_missing_or_cut_off():
    path = resolve("inverted:sample:sem-to-tem")
    content = path.read_bytes()
    for damage in (path.unlink, lambda: path.write_bytes(content[:10])):
        damage()
        assert resolve("inverted:sample:sem-to-tem") == path
        assert path.read_bytes() == content
    before = path.stat().st_mtime_ns
    assert resolve("inverted:sample:sem-to-tem").stat().st_mtime_ns == before
    assert np.frombuffer(content, np.uint8).size < 5000


def test_a_model_that_is_not_there_is_said():
    with pytest.raises(InputError, match="no checkpoint “sample:nothing”"):
        resolve("inverted:sample:nothing")
