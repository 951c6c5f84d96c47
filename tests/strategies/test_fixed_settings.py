"""What a strategy has no use for changes no job, and whoever asks for it is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fake_models import A_TO_B, Models, OnePass, Threshold

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.options import changed
from napari_pseudolabel.strategies import LabelJob, LabelSettings, registry
from napari_pseudolabel.strategies.fixed_settings import with_fixed
from napari_pseudolabel.strategies.strategy import LabelRequest

IMAGE = from_array(np.random.default_rng(0).random((64, 70)).astype(np.float32), name="field")
ANOTHER = {
    "samples": 3,
    "flips": 1,
    "smallest_object": 0.3,
    "mode": "joint",
    "evaluations": "preview",
    "scale_factor": 2.0,
    "scale_object_size_px": 30.0,
    "find_scale": "always",
}
PLAIN = [one for one in registry.offered() if not one.needs and one.preparation is None]


@pytest.mark.parametrize(
    "strategy", [*registry.STRATEGIES, *registry.listed()[-1:]], ids=lambda one: one.name
)
def test_whoever_asks_for_what_changes_nothing_is_told(strategy):
    strategy.refuse_unused(LabelRequest())
    for one in strategy.fixed:
        asked = changed(LabelSettings(), {one.field.path: ANOTHER[one.key]})
        for flags, name in ((True, one.field.flag), (False, ".".join(one.field.path))):
            with pytest.raises(InputError) as told:
                strategy.refuse_unused(LabelRequest(settings=asked), flags=flags)
            assert str(told.value).startswith(strategy.word)
            assert str(told.value).endswith(f"; leave out {name}.")
    # As a run has noted it.
    strategy.refuse_unused(LabelRequest(settings=with_fixed(LabelSettings(), strategy.fixed)))


def test_what_a_strategy_needs_is_not_refused():
    asked = changed(LabelSettings(), {("samples",): 3, ("flips",): 1, ("scale", "object_size_px"): 30.0})
    for name in ("adaptation", "zero-shot", "auto"):
        strategy = next(one for one in registry.listed() if one.name == name)
        strategy.refuse_unused(LabelRequest(settings=asked))
    with pytest.raises(InputError, match="--train-samples"):
        registry.find("tutorship").refuse_unused(LabelRequest(settings=asked), flags=True)


@pytest.mark.parametrize(
    ("changes", "model", "said"),
    [
        ({"evaluations": "quality"}, {}, "sub translates in one step, so evaluations do not matter."),
        ({"samples": 2}, {}, ""),  # said where it is done
        ({"evaluations": "preview"}, {}, ""),
        ({"flips": 1}, {"family": "cellpose"}, "s tells objects apart itself, so no mirrored"),
        ({}, {"family": "cellpose"}, ""),
        ({"flips": 1}, {}, ""),
        ({"smallest_object": 0.2}, {}, "s does not say how large its objects are, so none was left out"),
        ({"smallest_object": 0.2}, {"object_size_px": 20.0}, ""),
        ({"smallest_object": 0.0}, {}, ""),
    ],
)
def test_what_changes_nothing_with_these_models_is_noted(changes, model, said):
    models = Models(OnePass(card=A_TO_B.model_copy(update={"name": "sub"})), Threshold(**model))
    job = LabelJob(IMAGE, "t", "s", settings=LabelSettings(scale=Scale(factor=1.0), **changes), across=True)
    notes = job.plan(job.survey.run(Control(), models), Control()).report.notes
    told = [note for note in notes if "one step" in note or "itself" in note or "how large" in note]
    assert len(told) == bool(said)
    assert not said or told[0].startswith(said)


@pytest.mark.parametrize(
    "strategy", [one for one in PLAIN if one.lacking(one.options()) == ""], ids=lambda one: one.name
)
def test_jobs_have_what_is_fixed_whatever_was_asked(strategy):
    asked = LabelSettings()
    for one in strategy.fixed:
        asked = changed(asked, {one.field.path: ANOTHER[one.key]})
    found, usual = (
        strategy.job(IMAGE, LabelRequest(settings=settings)).run(Control(), LoadedModels())
        for settings in (asked, LabelSettings())
    )
    assert np.array_equal(found.labels, usual.labels)
    assert replace(found.report.settings, tiles=usual.report.settings.tiles) == usual.report.settings
    assert all(one.field.of(found.report.settings) == one.value for one in strategy.fixed)
