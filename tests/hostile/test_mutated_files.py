"""Valid checkpoints of every family with something wrong in them: they work, or get one sentence."""

from __future__ import annotations

from pathlib import Path

import mutations
import pytest
from trial import IMAGE, SEGMENTERS, attempt

from napari_pseudolabel.models import inspect, load_segmenter, load_translator
from napari_pseudolabel.models.translators.translate import translate

TRIED = 60


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> dict[str, Path]:
    return mutations.families(tmp_path_factory.mktemp("valid"))


def test_what_is_changed_works_before(valid):
    for name, path in valid.items():
        assert inspect(path).usable, name
        if name in SEGMENTERS:
            assert load_segmenter(path).probabilities(IMAGE).shape[1:] == IMAGE.shape
        else:
            assert translate(load_translator(path), IMAGE).samples.shape[-2:] == IMAGE.shape


def test_changed_checkpoints_work_or_get_a_sentence(valid, tmp_path):
    wrong = [attempt(seed, valid, tmp_path / "work") for seed in range(TRIED)]
    assert not [one for one in wrong if one]
