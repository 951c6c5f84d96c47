"""Tiles that were computed before are not computed again, and nothing is mistaken for something else."""

from __future__ import annotations

import numpy as np
import torch

from napari_pseudolabel.models import load_translator
from napari_pseudolabel.models.tile_memo import TileMemo
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.tiling import TileSettings

CPU = TileSettings(device="cpu")


def test_only_new_tiles_are_computed():
    memo, asked = TileMemo(), []

    def double(tiles):
        asked.append(len(tiles))
        return 2 * tiles

    tiles = torch.arange(5.0).reshape(5, 1, 1, 1).expand(5, 2, 4, 4).contiguous()
    for chosen, about in ((tiles[:3], b"a"), (tiles, b"a"), (tiles[1:], b"a"), (tiles[:2], b"b")):
        assert torch.equal(memo.answers(about, chosen, double), 2 * chosen)
    assert asked == [3, 2, 2]


def test_it_does_not_grow_beyond_its_bound():
    memo, asked = TileMemo(most_bytes=3 * 64), []

    def same(tiles):
        asked.append(len(tiles))
        return tiles

    for value in (1, 2, 3, 4, 4, 1):
        memo.answers(b"", torch.full((1, 1, 4, 4), float(value)), same)
    assert len(asked) == 5  # the first was forgotten for the fourth


def test_a_translation_is_remembered_by_what_decides_it(tiny_translator):
    translator, memo = load_translator(tiny_translator), TileMemo()
    plane = np.random.default_rng(0).random((40, 60), dtype=np.float32)
    calls = []
    translator.network.register_forward_hook(lambda *_: calls.append(1))
    found = {}
    for name, more in (("first", {}), ("again", {}), ("seed", {"seed": 1}), ("mode", {"mode": "joint"})):
        calls.clear()
        found[name] = translate(translator, plane, settings=CPU, memo=memo, **more).mean
        expected_calls = len(calls)
        assert (expected_calls == 0) == (name == "again")
        plain = translate(translator, plane, settings=CPU, **more).mean
        np.testing.assert_allclose(found[name], plain, atol=1e-5)
    assert not np.allclose(found["seed"], found["first"], atol=1e-3)
