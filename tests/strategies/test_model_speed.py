"""Models are measured by letting them see a few tiles."""

from __future__ import annotations

import pytest
from families import SEGMENTERS, TRANSLATORS

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies.model_speed import SpeedJob
from napari_pseudolabel.strategies.survey import SurveyJob
from napari_pseudolabel.tiling import TileSettings

pytestmark = pytest.mark.usefixtures("one_process")

CPU = TileSettings(device="cpu")
ALONE = (*((one, None) for one in TRANSLATORS), *((None, one) for one in SEGMENTERS))


@pytest.mark.parametrize(("translator", "segmenter"), [*ALONE, ("syndiff", "nnunet")])
def test_every_family_is_measured(tmp_path, translator, segmenter):
    refs = [
        None if name is None else str(made[name](tmp_path))
        for made, name in ((TRANSLATORS, translator), (SEGMENTERS, segmenter))
    ]
    job, models = SpeedJob(SurveyJob(*refs), CPU), LoadedModels()
    found = job.run(Control(), models)
    assert (found.translator > 0) == (translator is not None)
    assert (found.segmenter > 0) == (segmenter is not None)
    assert job.checkpoints == tuple(ref for ref in refs if ref is not None)
