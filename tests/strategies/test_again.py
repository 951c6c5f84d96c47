"""Provenance and the way back: what made labels can be done again, whatever the strategy."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from fake_models import A_TO_B, CLASSES, OnePass, Threshold
from hypothesis import given
from hypothesis import settings as quick
from hypothesis import strategies as st

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting.sidecar import Provenance
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.models.tile_memo import TileMemo
from napari_pseudolabel.strategies import LabelJob, LabelSettings, ModelUse, Record, Region
from napari_pseudolabel.strategies.again import Extent, again, without_translator
from napari_pseudolabel.strategies.fixed_settings import with_fixed
from napari_pseudolabel.strategies.registry import get
from napari_pseudolabel.strategies.tutorship import with_proxies
from napari_pseudolabel.tiling import MemoryLimits, TileSettings

IMAGE = replace(from_array(np.random.default_rng(0).random((40, 40)), name="a_1"), modality="A")
REAL = replace(IMAGE, modality="B", name="b_1")
TUTOR = ModelUse("translator", "A to B", "/models/a-to-b.pth", "t" * 64)


@dataclass
class ByName:
    """Stands for `LoadedModels`; every segmenter is another one of B."""

    seen: list = field(default_factory=list)
    limits: MemoryLimits = field(default_factory=MemoryLimits)
    memo: TileMemo = field(default_factory=TileMemo)
    segmented: TileMemo = field(default_factory=TileMemo)

    def translator(self, ref):
        self.seen.append(ref)
        return OnePass(card=A_TO_B.model_copy(update={"name": ref}), sha256=f"sha of {ref}")

    def segmenter(self, ref):
        self.seen.append(ref)
        return Threshold(sha256=f"sha of {ref}")


SETTINGS = st.builds(
    LabelSettings,
    samples=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
    mode=st.sampled_from(["joint", "tiled"]),
    scale=st.one_of(
        st.just(Scale()),
        st.builds(Scale, factor=st.floats(0.5, 2)),
        st.builds(Scale, pixel_size_um=st.floats(0.15, 0.3)),
    ),
    tiles=st.builds(
        TileSettings,
        tile=st.sampled_from([None, 32, 64]),
        overlap=st.sampled_from([None, 8]),
        batch=st.sampled_from([None, 1, 4]),
        device=st.sampled_from(["auto", "cpu"]),
    ),
    channel=st.sampled_from([None, 0, "mean"]),
    flips=st.integers(0, 3),
    smallest_object=st.floats(0, 1),
)
JOBS = {
    "adaptation": lambda s: LabelJob(IMAGE, "t", "s", settings=s, second_opinions=("s2", "s3")),
    "segmentation": lambda s: LabelJob(REAL, segmenter="s", settings=s, second_opinions=("s2",)),
    "tutorship": lambda s: with_proxies(REAL, ("p1", "p2", "p3"), TUTOR, settings=s),
    "translation": lambda s: LabelJob(IMAGE, "t", settings=s),
}


def reported(job):
    """What a run of the job would note, with the references of its models, after a way through JSON."""
    report = job.plan(job.survey.run(Control(), ByName()), Control()).report
    return report, json.loads(json.dumps(report.provenance()))


@pytest.mark.parametrize("strategy", JOBS)
@quick(deadline=None)  # the first example imports
@given(settings=SETTINGS)
def test_every_strategy_finds_its_way_back(strategy, settings):
    settings = with_fixed(settings, get(strategy).fixed)
    job = JOBS[strategy](settings)
    report, told = reported(job)
    record = Record.from_provenance(told)
    assert record == Record.of(report)
    assert record.settings == settings
    assert record.strategy == strategy
    where = Extent(Region(1, 2, 30, 31), ((),))
    image = replace(job.image, modality="")  # as it comes out of a file
    once_more = again(record, image, where)
    assert once_more.strategy_name == strategy
    assert (once_more.region, once_more.planes) == (where.region, where.planes)
    assert once_more.survey == job.survey
    assert Record.of(reported(once_more)[0]) == record
    # Through the sidecar of an exported file, too.
    exported = Provenance.model_validate(told).model_dump(mode="json")
    assert Record.from_provenance(exported) == record


def test_after_a_tutorship_nothing_goes_through_its_translator():
    report, told = reported(JOBS["tutorship"](LabelSettings()))
    assert [one["role"] for one in told["models"]] == [
        "tutor",
        "segmenter",
        "second opinion",
        "second opinion",
    ]
    record = Record.of(report)
    assert record.translator is None
    assert record.tutor == replace(TUTOR, role="tutor")
    models = ByName()
    again(record, REAL).survey.run(Control(), models)
    assert models.seen == ["p1", "p2", "p3"]


def old(strategy="tutorship", **changes):
    """Provenance as the first versions wrote it."""
    segmenter = {"role": "segmenter", "name": "p", "path": "p1", "sha256": ""}
    models = [
        {"role": "translator", "name": "A to B", "path": "t", "sha256": ""},
        segmenter,
        {**segmenter, "role": "second opinion", "path": "p2"},
    ]
    found = {
        "source": {"name": "b_1", "path": None},
        "models": models,
        "strategy": strategy,
        "seed": 7,
        "parameters": {
            "samples": 2,
            "mode": "joint",
            "factor": 1.5,
            "tile": 64,
            "overlap": 16,
            "device": "cuda:3",
        },
    }
    return {**found, **changes}


def test_old_provenance_is_read_rightly():
    record = Record.from_provenance(old())
    assert record.translator is None
    assert record.tutor.path == "t"
    job = again(record, REAL)
    assert (job.segmenter, *job.second_opinions) == ("p1", "p2")
    assert record.settings == LabelSettings(
        samples=2,
        flips=0,
        seed=7,
        smallest_object=0,
        mode="joint",
        evaluations="quality",
        tiles=TileSettings(tile=64, overlap=16),
    )
    assert (record.factor, record.modality) == (1.5, "")
    adapted = Record.from_provenance(old("adaptation"))
    assert adapted.translator.path == "t"
    assert again(adapted, IMAGE).second_opinions == ("p2",)
    bare = Record.from_provenance({"strategy": "segmentation", "models": {"segmenter": {"path": "s"}}})
    assert bare.settings == LabelSettings(flips=0, smallest_object=0, mode="joint", evaluations="quality")
    assert bare.segmenter == ModelUse("segmenter", "s", "s", "")


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({}, "by which strategy"),
        (old(strategy=None), "by which strategy"),
        (old("cycled masks"), "“cycled masks”, which this version does not know"),
        (old(models=[]), "which segmenter"),
        (old("adaptation", models={"segmenter": {"path": "s"}}), "which translator"),
        (old(models={"segmenter": {"name": "s"}}), "where their segmenter is"),
        (old("segmentation"), "cannot be read"),
        (old(models=[{"role": "judge", "path": "x"}]), "“judge” is no role"),
        (old(models=[7]), "cannot be read"),
        (old(parameters="x"), "cannot be read"),
        (old(parameters={"samples": 0}), "Samples must be 1 or more, not 0"),
        (old(parameters={"samples": "many"}), "cannot be read"),
        (old(parameters={"scale": {"size": 3}}), "cannot be read"),
        (old(parameters={"channel": [1]}), "channel"),
        (old(parameters={"mode": "twice"}), "mode: "),
        (old(parameters={"tiles": {"tile": 3, "colour": 2}}), "cannot be read"),
        (old(seed="x"), "cannot be read"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_one_sentence(found, says):
    with pytest.raises(InputError, match=says) as caught:
        Record.from_provenance(found)
    assert str(caught.value).endswith("label the image in the Pseudo-label dock again.")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["role", "path", "samples", "scale", "tiles", "segmenter", "x"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    ),
    st.sampled_from(["models", "parameters", "source", "seed", "strategy"]),
)
def test_foreign_provenance_never_fails_in_another_way(value, key):
    with suppress(InputError):
        Record.from_provenance(old(**{key: value}))


def test_another_segmenter_takes_the_place_of_all():
    adapted = Record.from_provenance(old("adaptation"))
    job = again(adapted, IMAGE, segmenter="other")
    assert (job.translator, job.segmenter, job.second_opinions) == ("t", "other", ())
    tutored = again(Record.from_provenance(old()), REAL, segmenter="other")
    assert tutored.strategy_name == "segmentation"
    assert (tutored.segmenter, tutored.second_opinions) == ("other", ())


def test_without_the_translator_the_same_segmenters_see_the_image_as_it_is():
    adapted = replace(Record.from_provenance(old("adaptation")), modality="A")
    job = without_translator(adapted, IMAGE)
    assert (job.segmenter, job.second_opinions, job.settings) == ("p1", ("p2",), adapted.settings)
    found = job.run(Control(), ByName())  # although they were made for B
    assert found.classes == CLASSES
    with pytest.raises(InputError, match="but this image is A"):
        replace(job, across=False).run(Control(), ByName())


@pytest.mark.parametrize("job", [JOBS["adaptation"], JOBS["translation"]])
def test_an_image_of_another_modality_than_the_translator_takes_is_refused(job):
    wrong = replace(job(LabelSettings()), image=replace(IMAGE, modality="C"))
    with pytest.raises(InputError, match=r"“t” takes A images, but this image is C \(“a_1”\)"):
        wrong.run(Control(), ByName())


def test_an_image_of_another_modality_than_the_segmenter_was_trained_on_is_refused():
    for job in (JOBS["segmentation"](LabelSettings()), JOBS["tutorship"](LabelSettings())):
        with pytest.raises(InputError, match=r"was trained on B, but this image is A"):
            replace(job, image=IMAGE).run(Control(), ByName())


def test_models_that_do_not_fit_each_other_are_refused_before_an_image_is_read():
    class Crossed(ByName):
        def translator(self, ref):
            return OnePass(card=A_TO_B.model_copy(update={"name": "A to C", "target": Modality(name="C")}))

    with pytest.raises(
        InputError, match=r"“s” was trained on B, but the translator makes C images \(“A to C”\)"
    ):
        JOBS["adaptation"](LabelSettings()).survey.run(Control(), Crossed())


def test_the_same_modality_in_other_letters_fits():
    notes = (
        replace(JOBS["adaptation"](LabelSettings()), image=replace(IMAGE, modality=" a "))
        .run(Control(), ByName())
        .report.notes
    )
    assert not any("not known" in note for note in notes)


def test_what_is_not_known_is_noted_as_an_assumption():
    unknown = replace(IMAGE, modality="")
    _, told = reported(replace(JOBS["adaptation"](LabelSettings()), image=unknown))
    assert "It is not known what a_1 shows; it was taken for A, as “t” expects." in told["notes"]

    class Silent(ByName):
        def translator(self, ref):
            return OnePass(
                card=A_TO_B.model_copy(update={"name": "nameless", "source": None, "target": None})
            )

    job = JOBS["adaptation"](LabelSettings(scale=Scale(factor=1)))
    notes = job.plan(job.survey.run(Control(), Silent()), Control()).report.notes
    assert "“nameless” does not say what it expects; what a_1 shows (A) was taken to fit." in notes
    assert "It is not known what “nameless” makes; it was taken for B, as “s” expects." in notes
