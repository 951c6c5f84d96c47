"""The best way to labels: chosen by what looks and other ways say, the cheapest of those as good, never what is of no use."""

from __future__ import annotations

import json
import math
import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest
from fake_models import CPU, Models, OnePass, Threshold
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata
from torch import nn

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, CheckpointError, InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale, texture_of
from napari_pseudolabel.imaging.scale.texture import lean_of
from napari_pseudolabel.labels.evidence import Evidence
from napari_pseudolabel.models.cards import Card, LabelClass, Modality
from napari_pseudolabel.models.proposals import Candidate
from napari_pseudolabel.models.translators.curve_file import as_file
from napari_pseudolabel.strategies import LabelSettings, Record, Region
from napari_pseudolabel.strategies.again import again
from napari_pseudolabel.strategies.carry import kept_searches
from napari_pseudolabel.strategies.carry.kept_searches import KeptSearches
from napari_pseudolabel.strategies.choice.find_way import FindWayJob, Looking, some_of, stretched
from napari_pseudolabel.strategies.choice.judging import (
    BACKED,
    DISPUTED,
    TIE,
    TURNED,
    Heard,
    WayScores,
    choose,
    judge,
    pooled_dice,
    said_by_others,
    scores,
)
from napari_pseudolabel.strategies.choice.unjudged import learning_first, unjudged, untried, without_labels
from napari_pseudolabel.strategies.choice.ways import (
    LabelWay,
    leaning_polarity,
    likely_polarity,
    nearer_polarity,
    objects_for,
    polarity,
    short_names,
    ways,
)
from napari_pseudolabel.strategies.registry import offered
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.training.translator.grey_levels_fit import fit

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="cell", value=1))
SQUARE = np.zeros((64, 64), np.uint8)
SQUARE[16:48, 16:48] = 1


def heard(group, labels, doubts=(), looks=None):
    """A way whose mirrored looks say `looks`, or all the same."""
    looks = np.stack([labels, labels] if looks is None else looks)
    doubt = np.zeros(labels.shape)
    everywhere = np.ones(labels.shape, bool)
    evidence = Evidence.of(
        labels, doubt=doubt, unshared=doubt, candidates=looks, seen=labels / 1.0, counted=everywhere
    )
    return Heard(group, (labels,), (evidence,), (doubts,))


def test_every_other_family_has_one_vote():
    other = np.roll(SQUARE, 16, axis=0)
    half = pooled_dice([SQUARE], [other])
    found = scores([heard("a", SQUARE), heard("b", SQUARE), *(heard("c", other) for _ in range(5))])
    assert found[0].consensus == pytest.approx((1 + half) / 2)
    assert found[2].consensus == pytest.approx(half)
    assert scores([heard("a", SQUARE), heard("a", other)])[0] == WayScores(1.0, None)


def test_what_is_not_judged_is_compared_with_every_family_once():
    other = np.roll(SQUARE, 16, axis=0)
    half = pooled_dice([SQUARE], [other])
    judged = [heard("a", SQUARE), *(heard("b", other) for _ in range(5)), heard("c", 0 * SQUARE)]
    assert said_by_others([SQUARE], judged) == pytest.approx((1 + half) / 2)
    assert said_by_others([SQUARE], judged[-1:]) is None


def test_what_is_not_usable_has_no_vote_and_is_not_chosen():
    nothing = np.zeros_like(SQUARE)
    all_ways = [heard("a", SQUARE), heard("b", nothing), heard("c", 1 - SQUARE, ("strange",))]
    found = scores(all_ways)
    assert found[0].consensus is None
    usable = [not one.reasons for one in all_ways]
    assert usable == [True, False, False]
    assert choose(found, usable, [9, 1, 1]) == (0, (0,))
    # Where nothing is usable the least bad is taken, which `FoundWay` says.
    assert choose(found, [False] * 3, [1, 1, 1])[0] == 0


def test_a_way_that_the_others_contradict_is_not_chosen_however_sure_it_is():
    quarrel = heard("c", 1 - SQUARE)
    steady = [heard(group, SQUARE, looks=[SQUARE, np.roll(SQUARE, 2)]) for group in "ab"]
    found = judge([*steady, quarrel], [1, 2, 3])
    assert found.scores[2].agreement > found.scores[0].agreement
    assert found.against == ((), (), (DISPUTED,))
    assert (found.best, found.ties) == (0, (0, 1))
    # Where two say different things nobody knows who is right.
    assert judge([steady[0], quarrel], [1, 2]).against == ((), ())


def test_grey_levels_tell_the_polarity_where_no_way_of_another_kind_does(tmp_path):
    sure, right = (
        heard("turned around", SQUARE),
        heard("as it is", 1 - SQUARE, looks=[1 - SQUARE, np.roll(1 - SQUARE, 4)]),
    )
    assert judge([sure, right], [1, 1]).best == 0
    found = judge([sure, right], [1, 1], "as it is")
    assert (found.best, found.against) == (1, ((TURNED,), ()))
    assert judge([sure, right, heard("direct", SQUARE)], [1, 1, 1], "as it is").best == 0

    rng = np.random.default_rng(0)
    images, labelled = rng.beta(2, 6, (2, 40, 40)), rng.beta(2, 5, (2, 40, 40))
    both = []
    for method, group in (("match", "as it is"), ("invert-match", "turned around")):
        one = translator(str(tmp_path / f"{method}.safetensors"), family="grey-levels")
        (tmp_path / f"{method}.safetensors").write_bytes(as_file(fit(images, labelled, method), one.card))
        both.append(replace(way(group, one.ref), translator_card=one.card))
    assert nearer_polarity(both, images) == "as it is"
    assert nearer_polarity(both[1:], images) is None
    assert nearer_polarity(both, [np.array([[0.0, 1.0]])]) is None  # as near to both
    (tmp_path / "invert-match.safetensors").write_bytes(
        as_file(fit(images, 1 - labelled, "invert-match"), both[1].translator_card)
    )
    (tmp_path / "match.safetensors").write_bytes(
        as_file(fit(images, 1 - labelled, "match"), both[0].translator_card)
    )
    assert nearer_polarity(both, images) == "turned around"


def blobs(sign, seed):
    """Spots of a few pixels that stick out bright (1) or dark (-1); the grey levels are as symmetric as can be made."""
    rng = np.random.default_rng(seed)
    spots = gaussian_filter((rng.random((160, 160)) < 0.004).astype(float), 3)
    return sign * rankdata(spots + 0.02 * spots.max() * rng.random(spots.shape)).reshape(spots.shape) ** 3


def test_what_sticks_out_tells_the_polarity_where_grey_levels_say_nothing():
    texture, old = texture_of([blobs(-1, seed) for seed in range(3)]), segmenter("old", "A").card
    card = old.model_copy(update={"source": Modality(name="A", texture=texture)})
    both = [replace(way(group, "x"), segmenter_card=card) for group in ("as it is", "turned around")]
    dark, bright = (lean_of([blobs(sign, 9)]) for sign in (-1, 1))
    assert leaning_polarity(both, dark) == "as it is"
    assert leaning_polarity(both, bright) == "turned around"
    assert likely_polarity(both, [], bright) == "turned around"
    # Nothing is said where it is not known, of noise, or of models of several modalities.
    assert leaning_polarity(both, ()) is None
    assert leaning_polarity([replace(one, segmenter_card=old) for one in both], dark) is None
    assert leaning_polarity(both, [a + b for a, b in zip(dark, bright, strict=True)]) is None
    assert leaning_polarity([*both, replace(both[0], segmenter="another")], dark) is None

    # A search measures it on the whole layer, once.
    job = FindWayJob((from_array(blobs(1, 9)),), tuple(both), SETTINGS, region=Region(0, 0, 20, 20))
    (place,) = job.look(Control(), ByName(other=Threshold())).places
    assert place.lean == pytest.approx(bright, abs=1e-4)


def test_doubts_count_where_most_places_have_them():
    one = heard("a", SQUARE)
    many = Heard("a", one.labels * 3, one.evidence * 3, (("strange",), (), ()))
    assert many.reasons == ()
    assert replace(many, doubts=(("strange",), ("wide",), ())).reasons == ("strange", "wide")


SCORE = st.floats(0, 1)


@given(st.lists(st.tuples(SCORE, st.one_of(st.none(), SCORE), st.booleans(), st.floats(0.1, 9)), min_size=1))
def test_the_choice_is_the_cheapest_of_those_that_are_as_good(found):
    scored = [WayScores(agreement, consensus) for agreement, consensus, _, _ in found]
    usable, costs = [one[2] for one in found], [one[3] for one in found]
    best, ties = choose(scored, usable, costs)
    assert best in ties
    eligible = [n for n in range(len(found)) if usable[n]] or range(len(found))
    highest = max(scored[n].agreement for n in eligible)
    assert set(ties) == {n for n in eligible if scored[n].agreement > highest - TIE}
    assert costs[best] == min(costs[n] for n in ties)


def segmenter(ref, takes):
    card = Card(kind="segmenter", family="monai-unet", name=ref, source=Modality(name=takes), classes=CLASSES)
    return Candidate(ref, card)


def translator(ref, takes="A", makes="B", family="syndiff"):
    sides = {"source": Modality(name=takes), "target": Modality(name=makes)}
    network = {"architecture": {"image_size": 64}} if family == "syndiff" else {}
    return Candidate(ref, Card(kind="translator", family=family, name=ref, **sides, **network))


def test_ways_follow_from_the_cards():
    known = [
        segmenter("a", "A"),
        segmenter("b", "B"),
        segmenter("other b", "B"),
        translator("diffusion"),
        translator("curve", family="grey-levels"),
        translator("elsewhere", "C", "B"),
    ]
    found = ways("A", known)
    assert [(one.group, one.translator, one.segmenter) for one in found] == [
        ("direct", None, "a"),
        ("translated", "diffusion", "b"),
        ("turned around", "inverted:diffusion", "b"),
        ("as it is", "curve", "b"),  # as far as is known
        ("as it is", "unchanged:diffusion", "b"),
    ]
    unknown = ways("", known, segmenter=known[1])
    assert {one.segmenter for one in unknown} == {"b"}
    with pytest.raises(InputError, match="Say what the images show"):
        ways("", known)
    with pytest.raises(InputError, match="No model takes D images"):
        ways("D", known)
    assert [one.group for one in ways("D", known, segmenter=known[0])] == ["turned around", "as it is"]
    # Of what nobody knows, or no model is made for, it is said what to look for; translators would be guessed.
    assert objects_for("D", known) == ()
    (objects,) = objects_for("", known)
    for modality in ("", "D"):
        found = [(one.group, one.segmenter) for one in ways(modality, known, objects=objects)]
        assert found == [(group, one) for group in ("turned around", "as it is") for one in ("a", "b")]
    # What takes images of any modality is tried, but does not say which classes are wanted.
    redrawn = translator("redrawn", "any", "B", family="zero-shot")
    with pytest.raises(InputError, match="No model takes D"):
        ways("D", [*known, redrawn])
    assert "redrawn" in [one.translator for one in ways("D", [*known, redrawn], segmenter=known[1])]


class Negative(nn.Module):
    def forward(self, x):
        return -x


@dataclass
class ByName(Models):
    """Bright is what the segmenter looks for; translators by their names."""

    def translator(self, ref):
        if ref == "broken":
            raise CheckpointError("It is broken.")
        return OnePass(Negative() if ref == "inverted" else nn.Identity())


def way(group, ref=None):
    return LabelWay(ref or "direct", group, "adaptation" if ref else "segmentation", "segmenter", ref)


def field():
    """(100, 120): a few bright discs on a dark ground."""
    y, x = np.mgrid[:100, :120]
    discs = sum(math.e ** (-((y - a) ** 2 + (x - b) ** 2) / 90) for a in (20, 50, 80) for b in (20, 60, 100))
    return from_array(discs.astype(np.float32), name="field")


WAYS = (
    way("translated", "broken"),
    way("translated", "same"),
    way("turned around", "inverted"),
    way("direct"),
)
SETTINGS = LabelSettings(scale=Scale(factor=1.0), tiles=CPU, flips=1)


def test_curves_that_turn_grey_levels_around_are_of_one_mind_with_an_inversion():
    assert polarity("sample:sem-to-tem-grey-levels") == "turned around"
    assert polarity("nowhere") == polarity("sample:sem-to-tem") == "as it is"


def find(ways=WAYS, **changes):
    job = FindWayJob((field(),), ways, SETTINGS, **changes)
    models, looking = ByName(other=Threshold()), None
    # As an engine does it: every step travels to a worker, and its result back.
    looking = pickle.loads(pickle.dumps(job.survey)).run(Control(), models)
    while (more := job.second_survey(looking, Control())) is not None:
        looking = pickle.loads(pickle.dumps(more)).run(Control(), models)
    return job.answer(looking)


def test_all_ways_are_tried_and_the_choice_is_told():
    found = find()
    assert [one.scores is None for one in found.tried] == [True, False, False, False]
    assert found.tried[0].words == "not possible: It is broken"
    assert found.chosen.way == WAYS[3]  # as good as the translation, and cheaper
    assert found.ties == (1, 3)
    assert found.sure
    assert "the cheapest of 2 that are as good: direct. As good: same." in found.reason
    assert found.lines[0].startswith("direct: looks agree 1.00, others say the same 0.50")
    assert found.lines[0].endswith("[chosen]")
    assert found.places[0].region == Region(0, 0, 100, 120)
    assert found.places[0].pixels.shape == found.tried[3].labels[0].shape == (100, 120)
    # Always the same, and here as in an engine.
    one, other = find(), FindWayJob((field(),), WAYS, SETTINGS).run(Control(), ByName(other=Threshold()))
    assert one.taking(one.best) == other.taking(other.best)
    assert all((a == b).all() for a, b in zip(one.tried[2].labels, other.tried[2].labels, strict=True))


def test_a_search_goes_on_with_more_ways_and_says_how_long_that_takes():
    models, told = ByName(other=Threshold()), []
    short = FindWayJob((field(),), WAYS[1:3], SETTINGS)
    looked = short.look(Control(told.append), models)
    assert told[-1].seconds_left is not None
    assert [(one.done, one.total) for one in told][:: len(told) - 1] == [(0, 2), (1, 2)]
    told.clear()
    longer = replace(short, ways=WAYS[1:], looked=looked)
    found = longer.run(Control(told.append), models)
    assert {one.stage for one in told if one.stage.startswith("Trying")} == {"Trying: direct"}
    whole = replace(longer, looked=Looking()).run(Control(), models)
    assert found.taking(found.best) == whole.taking(whole.best)


def test_a_search_tells_what_was_found_so_far():
    told = []
    job = FindWayJob((field(),), WAYS[:3], SETTINGS)
    found = job.run(Control(emit=told.append), ByName(other=Threshold()))
    # The first way is broken, and nothing is told of it alone.
    assert [len(one.tried) for one in told] == [2, 3]
    assert told[-1].taking(told[-1].best) == found.taking(found.best)
    look = told[0].look(1)
    assert look.labels.shape == (1, 100, 120)
    assert (look.labels[0] == found.tried[1].labels[0]).all()
    assert (look.region, look.planes, look.classes) == (found.places[0].region, ((),), found.classes)


def test_labels_that_no_other_way_makes_are_chosen_with_a_warning():
    found = find()
    assert found.warning == ""
    for consensus, words in ((BACKED - 0.01, "No other way says the same"), (None, "no other usable way")):
        tried = [*found.tried]
        tried[found.best] = replace(found.chosen, scores=WayScores(1.0, consensus))
        alone = replace(found, tried=tuple(tried))
        for told in (alone.reason, alone.verdict, alone.taking(alone.best)["reason"]):
            assert words in told


def test_where_only_the_other_polarity_could_be_compared_that_is_said():
    found = find()
    inverted, same = found.tried[2], replace(found.chosen, way=way("as it is", "same"))
    two = tuple(replace(one, scores=WayScores(score, 0.1)) for one, score in ((inverted, 0.5), (same, 0.9)))
    alone = replace(found, tried=two, best=1, ties=(1,))
    assert "its looks agree 0.90, theirs 0.50" in alone.reason
    assert "the labels may be of no use" in alone.caution(1) == alone.warning
    doubted = replace(alone, tried=tuple(replace(one, reasons=("strange",)) for one in two))
    assert "probably not usable" in doubted.caution(1)
    for told in (doubted.reason, doubted.verdict):
        assert told.startswith("These labels are probably not usable")
    assert "No other way says the same" in replace(alone, tried=(*two, found.tried[1])).warning


def test_what_needs_no_labels_stands_beside_the_others_and_is_never_chosen_for_the_person():
    (threshold,) = unjudged()
    found = find((*WAYS, threshold))
    beside, before = found.tried[4], find()
    assert (beside.scores, beside.possible, found.best, found.ties) == (None, True, 3, (1, 3))
    assert [one.scores for one in found.tried[:4]] == [one.scores for one in before.tried]  # it has no vote
    assert found.order == (3, 1, 4, 2, 0)  # before what the others contradict
    assert beside.alike is None  # of the two classes of the others it knows none
    assert beside.words.startswith(
        "not judged, because mirrored looks of a threshold always agree, and it has one class"
    )
    assert "“Bright or dark objects” is not judged" in found.reason
    made = found.job(field(), LabelRequest(settings=SETTINGS), 4)
    assert (made.strategy_name, beside.way.made(made), found.tried[3].way.made(made)) == ("otsu", True, False)
    with pytest.raises(InputError, match="No way to labels is possible"):
        find((WAYS[0], threshold))


@pytest.mark.parametrize(
    "strategy", [one for one in offered() if one.preparation is not None], ids=lambda one: one.name
)
def test_what_was_prepared_labels_whatever_the_preparation_asked_for(strategy):
    asked = LabelRequest(translator="made", segmenter="known", settings=SETTINGS)
    assert strategy.job(field(), asked).strategy_name == strategy.name


def test_what_learned_from_the_image_itself_stands_beside_them_too(monkeypatch):
    monkeypatch.setattr("napari_pseudolabel.strategies.choice.unjudged.card_of", lambda _: Threshold().card)
    assert "“Learn from drawn objects” (about a minute), “Masks made real" in untried()
    learned = {
        one.name: LabelRequest(segmenter="segmenter", options=one.options())
        for one in without_labels()
        if one.preparation is not None
    }
    _, *beside = unjudged(learned)
    assert [one.strategy for one in beside] == list(learned)
    assert not {one.name for one in learning_first(learned)} & set(learned)
    # A proxy that was trained for this very search was tried.
    assert "“Train on translated labels” (minutes to hours; needs labelled images" in untried(WAYS)
    assert "Train on translated" not in untried([replace(WAYS[3], strategy="tutorship")])
    assert {*learned, "tutorship", "zero-shot"} <= {one.name for one in learning_first()}
    found = find((*WAYS, *beside))
    assert (found.best, found.ties) == (3, (1, 3))
    for number, one in enumerate(found.tried[4:], 4):
        # One of the three groups sees it the other way around.
        assert (one.scores, one.possible, round(one.alike, 2)) == (None, True, 0.67)
        assert one.words.startswith("not judged, because it learned from drawings made after this image")
        made = found.job(field(), LabelRequest(settings=SETTINGS), number)
        assert (made.strategy_name, one.way.made(made)) == (one.way.strategy, True)


def test_names_of_ways_that_would_read_the_same_say_by_which_model():
    known = [segmenter("first", "A"), segmenter("second", "B")]
    found = short_names(ways("", known, objects=(("cell", 1),)))
    assert found == ("Inverted\nfirst", "Inverted\nsecond", "As it is\nfirst", "As it is\nsecond")
    assert short_names(WAYS[1:]) == ("Translated", "Inverted", "Of its kind")


def test_a_finished_search_is_kept_by_the_content_of_images_and_models(tmp_path, monkeypatch):
    for name in ("same", "inverted", "segmenter", "broken"):
        (tmp_path / name).write_bytes(name.encode())
    monkeypatch.setattr(kept_searches, "resolve", lambda ref: tmp_path / ref)
    path = tmp_path / "field.tif"
    path.write_bytes(b"pixels")
    image = replace(field(), path=str(path))
    search = FindWayJob((image,), (*WAYS, *unjudged()), SETTINGS)
    kept, models = KeptSearches(tmp_path / "kept"), ByName(other=Threshold())
    found, looked = kept.find(search, Control(), models)
    assert looked.heard
    again, nowhere = kept.find(search, Control(), None)  # without a model
    assert not nowhere.heard
    assert again.taking(again.best) == found.taking(found.best)
    assert again.job(field(), LabelRequest()) is not None
    for one, other in zip(found.tried, again.tried, strict=True):
        assert all((a == b).all() for a, b in zip(one.labels, other.labels, strict=True))
    for changed in ("field.tif", "segmenter"):
        (tmp_path / changed).write_bytes(b"other")
        assert kept.find(search, Control(), models)[1].heard


def test_a_part_is_looked_at_as_the_whole_is():
    whole, part = find(), find(region=Region(10, 20, 60, 90))
    assert part.places[0].region == Region(10, 20, 60, 90)
    assert (part.tried[3].labels[0] == whole.tried[3].labels[0][10:60, 20:90]).all()


def test_what_was_chosen_labels_and_is_done_again_without_a_search():
    found = find()
    made = found.job(field(), LabelRequest(settings=SETTINGS)).run(Control(), ByName(other=Threshold()))
    told = json.loads(json.dumps(made.report.provenance()))
    assert told["strategy"] == "segmentation"
    assert told["choice"]["best"] == "direct"
    assert [one["way"] for one in told["choice"]["tried"]] == ["direct", "same", "inverted", "broken"]
    job = again(Record.from_provenance(told), field())
    assert (job.strategy_name, job.segmenter, job.translator) == ("segmentation", "segmenter", None)
    other = found.job(field(), LabelRequest(settings=SETTINGS), 1)
    assert (other.strategy_name, other.translator) == ("adaptation", "same")
    assert other.origin.choice["reason"] == "A person chose it instead of the best."


def test_a_search_that_cannot_begin_or_is_stopped_says_so():
    with pytest.raises(InputError, match="no way to labels that could be tried"):
        FindWayJob((field(),), ())
    with pytest.raises(InputError, match=r"No way to labels is possible: It is broken\."):
        FindWayJob((field(),), WAYS[:1], SETTINGS).run(Control(), ByName(other=Threshold()))
    with pytest.raises(Cancelled):
        FindWayJob((field(),), WAYS, SETTINGS).run(Control(cancelled=lambda: True), ByName(other=Threshold()))


def test_some_of_many_are_spread():
    assert some_of("ab", 4) == ("a", "b")
    assert some_of(range(100), 3) == (25, 50, 74)


def test_pictures_are_the_same_in_any_unit():
    pixels = np.random.default_rng(0).random((20, 30)).astype(np.float32)
    pixels[3, 4] = np.nan
    for unit in (1e-12, 1e12):
        np.testing.assert_allclose(stretched(np.float32(unit) * pixels), stretched(pixels), atol=1e-4)
