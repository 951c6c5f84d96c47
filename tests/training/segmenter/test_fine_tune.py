"""Fine-tuning from corrected labels: what it learns from, what it hands back, and what it refuses."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch
from tuning_case import corrected_plane, small_job

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.imaging import Intensities, from_array, intensity_range, normalise
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.models.cards import LabelClass, Normalisation
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.safe_load import load_weights
from napari_pseudolabel.tiling import MemoryLimits
from napari_pseudolabel.training.common.training_events import Epoch, TrainStart
from napari_pseudolabel.training.data.adapted_planes import Adapter
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuneSettings, missing
from napari_pseudolabel.training.training_jobs import FineTuneJob

pytestmark = pytest.mark.usefixtures("one_thread")

CLASSES = tuple(LabelClass(name=n, value=v) for n, v in (("background", 0), ("myelin", 1), ("axon", 7)))


def network(folder):
    """Weights that a training has arrived at."""
    return load_weights(folder / "training.pt")["network"]


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_segmenter_gets_better_and_says_where_it_comes_from(tiny_segmenter, tmp_path):
    told = []
    job = small_job(tmp_path / "run", tiny_segmenter, steps=60, epoch_steps=20)
    before = tiny_segmenter.read_bytes()
    made = pickle.loads(pickle.dumps(job)).run(Control(emit=told.append), LoadedModels())
    assert made.promoted
    assert made.best.mean > made.before.mean + 0.1
    assert set(made.best.per_class) == {"myelin", "axon"}
    assert f"{made.before.mean:.3f}" in made.sentence
    assert f"{made.best.mean:.3f}" in made.sentence
    assert made.stopped == "steps"
    assert isinstance(told[0], TrainStart)
    assert told[0].before == made.before
    assert sum(isinstance(event, Epoch) for event in told) == 3
    path = tmp_path / "new.safetensors"
    path.write_bytes(made.checkpoint)
    card, parent = load_segmenter(path).card, load_segmenter(tiny_segmenter)
    assert card.parent == parent.sha256
    assert (card.classes, card.architecture) == (parent.card.classes, parent.card.architecture)
    assert parent.card.source.texture is None
    assert card.source.texture.images > 0  # of what was learned from
    assert card.source.model_copy(update={"texture": None}) == parent.card.source
    assert card.name == "tiny TEM, tuned"
    assert card.training.data == ("field (3072 corrected or confirmed pixels)",)
    assert card.training.steps == made.best.step
    assert {m.metric: m.value for m in card.quality} == {
        f"{measure} {name}": round(value, 3)
        for measure, values in (("Dice", made.best.per_class), ("F1", made.best.f1))
        for name, value in values.items()
    }
    assert set(made.best.f1) == {"axon", "fibre"}
    assert "1024 validation pixels" in card.quality[0].data
    assert tiny_segmenter.read_bytes() == before
    # A model tuned twice is not "tuned, tuned".
    twice = small_job(tmp_path / "twice", path, steps=2).run(Control(), LoadedModels())
    (tmp_path / "twice.safetensors").write_bytes(twice.checkpoint)
    assert load_segmenter(tmp_path / "twice.safetensors").card.name == "tiny TEM, tuned"


def test_the_loaded_parent_stays_as_it_is(tiny_segmenter, tmp_path):
    models = LoadedModels()
    parent = models.segmenter(str(tiny_segmenter))
    before = {name: value.clone() for name, value in parent.network.state_dict().items()}
    small_job(tmp_path, tiny_segmenter, steps=2).run(Control(), models)
    assert same(before, parent.network.state_dict())


def test_labels_of_the_validation_never_reach_the_weights(tiny_segmenter, tmp_path):
    plane = corrected_plane()
    hidden = plane.validation | (~plane.touched & np.isnan(plane.confidence))
    labels = plane.labels.copy()
    labels[hidden] = np.choose(np.searchsorted([0, 1, 7], labels[hidden]), [7, 0, 1])
    results = []
    for name, one in (("a", plane), ("b", replace(plane, labels=labels))):
        job = small_job(tmp_path / name, tiny_segmenter, plane=one)
        results.append(job.run(Control(), LoadedModels()))
    assert results[0].best != results[1].best
    assert same(network(tmp_path / "a"), network(tmp_path / "b"))
    # The same change where a person has decided is learned.
    labels = plane.labels.copy()
    labels[:32, :32] = np.choose(np.searchsorted([0, 1, 7], labels[:32, :32]), [7, 0, 1])
    small_job(tmp_path / "c", tiny_segmenter, plane=replace(plane, labels=labels)).run(
        Control(), LoadedModels()
    )
    assert not same(network(tmp_path / "a"), network(tmp_path / "c"))


def test_trust_decides_whether_untouched_labels_teach(tiny_segmenter, tmp_path):
    plane = corrected_plane()
    other = replace(plane, labels=np.where(plane.touched, plane.labels, 0).astype(np.uint8))
    for trust, learned in ((0.0, False), (0.5, True)):
        folders = [tmp_path / f"{trust} {k}" for k in range(2)]
        for folder, one in zip(folders, (plane, other), strict=True):
            small_job(folder, tiny_segmenter, plane=one, trust=trust, steps=2).run(Control(), LoadedModels())
        assert same(*map(network, folders)) is not learned


SHARES = [0.5, *(pytest.param(share, marks=pytest.mark.soak) for share in (0.02, 0.98))]


@pytest.mark.parametrize("share", SHARES)
def test_a_cancelled_job_goes_on_as_if_nothing_had_happened(tiny_segmenter, tiny_translator, tmp_path, share):
    calls, last = [], math.inf

    def cancelled():
        calls.append(1)
        return len(calls) > last

    whole = small_job(tmp_path / "whole", tiny_segmenter, tiny_translator).run(
        Control(cancelled=cancelled), LoadedModels()
    )
    last = share * len(calls)
    calls.clear()

    job = small_job(tmp_path / "stopped", tiny_segmenter, tiny_translator)
    with pytest.raises(Cancelled):
        job.run(Control(cancelled=cancelled), LoadedModels())
    again = job.run(Control(), LoadedModels())
    assert (again.before, again.best, again.sentence) == (whole.before, whole.best, whole.sentence)
    assert again.checkpoint == whole.checkpoint
    assert same(network(tmp_path / "whole"), network(tmp_path / "stopped"))
    # A finished job that is run again hands out the same result.
    assert job.run(Control(), LoadedModels()).checkpoint == whole.checkpoint


def test_images_are_translated_once(tiny_segmenter, tiny_translator, tmp_path, monkeypatch):
    from napari_pseudolabel.training.data import adapted_planes as adapted

    real, calls = adapted.translate, []
    monkeypatch.setattr(adapted, "translate", lambda *a, **k: calls.append(k["samples"]) or real(*a, **k))
    inputs = tmp_path / "inputs"
    for name in ("one", "two"):
        job = small_job(tmp_path / name, tiny_segmenter, tiny_translator, inputs=inputs, samples=2, steps=1)
        made = job.run(Control(), LoadedModels())
    assert calls == [2]
    assert made.before is not None
    # Another seed is another translation.
    small_job(tmp_path / "three", tiny_segmenter, tiny_translator, inputs=inputs, seed=5, steps=1).run(
        Control(), LoadedModels()
    )
    assert calls == [2, 1]


def test_planes_come_to_the_grid_of_the_segmenter(tiny_segmenter, tmp_path):
    from napari_pseudolabel.tiling import MemoryLimits
    from napari_pseudolabel.training.data.adapted_planes import Adapter

    card, scale = load_segmenter(tiny_segmenter).card, FineTuneSettings().scale
    adapter = Adapter(card, None, scale, 1, 0, "cpu", MemoryLimits(), tmp_path)
    plane = corrected_plane(0.2)
    found = adapter.annotated(plane, 0.5, Control())
    (train,) = found.train
    assert train.image.shape == (192, 160)  # 0.2 um in pixels of 0.1 um
    assert 0 <= train.image.min() < train.image.max() <= 1
    np.testing.assert_array_equal(train.labels[::2, ::2], plane.labels)
    np.testing.assert_array_equal(train.weight[::2, ::2], plane.weights(0.5))
    np.testing.assert_array_equal(found.validation.weight[1::2, 1::2] > 0, plane.held_out)
    assert not ((train.weight > 0) & (found.validation.weight > 0)).any()
    # Without trust only the corrected region and what surrounds it is brought.
    small = adapter.annotated(replace(corrected_plane(0.1), touched=plane.labels > 300), 0.0, Control())
    assert small.train == ()
    assert small.validation is None


def test_values_of_no_class_are_left_out(tiny_segmenter, tmp_path):
    plane = corrected_plane()
    labels = plane.labels.copy()
    labels[10:20, 10:20] = 99
    labels[:, 70:] = 99  # nobody knows these anyway
    results = []
    for name, value in (("a", 99), ("b", 98)):
        one = replace(plane, labels=np.where(labels == 99, value, labels).astype(np.uint8))
        results.append(small_job(tmp_path / name, tiny_segmenter, plane=one).run(Control(), LoadedModels()))
    assert any("belong to no class" in note for note in results[0].notes)
    assert same(network(tmp_path / "a"), network(tmp_path / "b"))


def test_a_new_segmenter_is_trained_from_nothing(tmp_path):
    made = small_job(tmp_path / "run", "", classes=CLASSES, steps=4).run(Control(), LoadedModels())
    assert made.before is None
    assert made.promoted
    path = tmp_path / "new.safetensors"
    path.write_bytes(made.checkpoint)
    card = load_segmenter(path).card
    assert card.parent is None
    assert card.classes == CLASSES
    assert card.source.pixel_size_um == pytest.approx(0.1)
    with pytest.raises(InputError, match="Name at least one class"):
        small_job(tmp_path / "other", "").run(Control(), LoadedModels())


def test_finishing_before_the_first_step_keeps_the_model_before(tiny_segmenter, tmp_path):
    made = small_job(tmp_path, tiny_segmenter).run(Control(wish=lambda: "finish"), LoadedModels())
    assert (made.stopped, made.promoted, made.checkpoint) == ("finish", False, None)


def test_labels_that_lie_turned_on_their_image_are_told(tiny_segmenter, tmp_path):
    for name, turned in (("as it is", False), ("turned", True)):
        job = small_job(tmp_path / name, tiny_segmenter)
        (plane, *rest) = job.planes
        labels = plane.labels[::-1].copy() if turned else plane.labels
        job = replace(job, planes=(replace(plane, labels=labels), *rest))
        notes = job.run(Control(wish=lambda: "finish"), LoadedModels()).notes
        assert (
            any("would fit much better if they were turned upside down" in note for note in notes) == turned
        )


def write_set(folder, *planes):
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for plane in planes:
        tifffile.imwrite(folder / "images" / f"{plane.name}.tif", plane.image)
        tifffile.imwrite(folder / "labels" / f"{plane.name}.tif", plane.labels)
    return LabelledSet(folder / "images", folder / "labels")


def test_further_labelled_folders_teach_too(tiny_segmenter, tiny_translator, tmp_path):
    further = write_set(tmp_path / "set", corrected_plane(seed=3, name="other"))
    for name, sets in (("alone", ()), ("with", (further,))):
        made = small_job(tmp_path / name, tiny_segmenter, sets=sets).run(Control(), LoadedModels())
    assert not same(network(tmp_path / "alone"), network(tmp_path / "with"))
    (tmp_path / "m.safetensors").write_bytes(made.checkpoint)
    assert load_segmenter(tmp_path / "m.safetensors").card.training.data[1] == "images"
    translated = replace(further, translator=str(tiny_translator))
    small_job(tmp_path / "t", tiny_segmenter, sets=(translated,)).run(Control(), LoadedModels())
    assert len(list((tmp_path / "t" / "inputs").iterdir())) == 1


def test_the_open_image_does_not_come_back_through_a_folder(tiny_segmenter, tmp_path):
    further = write_set(tmp_path / "set", corrected_plane(seed=3, name="other"), corrected_plane(name="copy"))
    with pytest.raises(InputError, match=r"copy.tif .* is the open image field"):
        small_job(tmp_path / "run", tiny_segmenter, sets=(further,)).run(Control(), LoadedModels())


def test_only_own_segmenters_can_be_trained_further(tiny_segmenter, tmp_path, monkeypatch):
    class Other:
        card = load_segmenter(tiny_segmenter).card.model_copy(update={"family": "nnunet", "name": "nnU-Net"})

    monkeypatch.setattr(LoadedModels, "segmenter", lambda self, ref: Other())
    with pytest.raises(InputError, match=r"nnU-Net \(nnunet\) cannot be trained further"):
        small_job(tmp_path, "anything").run(Control(), LoadedModels())


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"steps": 0}, "Steps must be 1 or more, not 0."),
        ({"trust": 1.5}, "Trust must be from 0 to 1, not 1.5."),
        ({"lr": 0.0}, "Learning rate must be above 0 and below 1, not 0."),
        ({"patience": 0}, "Patience must be 1 or more, not 0."),
    ],
)
def test_impossible_settings_are_one_sentence(changes, part):
    with pytest.raises(InputError, match=part):
        FineTuneSettings(**changes)


def test_patches_must_fit_the_network(tiny_segmenter, tmp_path):
    with pytest.raises(InputError, match="multiple of 4"):
        small_job(tmp_path, tiny_segmenter, patch=30).run(Control(), LoadedModels())


def test_a_folder_with_another_training_is_refused(tiny_segmenter, tmp_path):
    small_job(tmp_path, tiny_segmenter, steps=2).run(Control(), LoadedModels())
    with pytest.raises(InputError, match="another output folder"):
        small_job(tmp_path, tiny_segmenter, steps=2, lr=1e-3).run(Control(), LoadedModels())


def changed(**arrays):
    plane = corrected_plane()
    return replace(plane, **{name: make(plane) for name, make in arrays.items()})


def test_missing_says_what_to_do():
    nothing = changed(touched=lambda p: np.zeros_like(p.touched))
    no_axon = changed(labels=lambda p: np.where(p.labels == 7, 0, p.labels).astype(np.uint8))
    only_kept = changed(
        labels=lambda p: np.where((p.labels == 7) & ~p.validation, 0, p.labels).astype(np.uint8)
    )
    unsplit = changed(validation=lambda p: np.zeros_like(p.validation))
    bare = changed(labels=lambda p: np.where(p.validation, 0, p.labels).astype(np.uint8))
    for planes, part in [
        ((), "Nothing is corrected or confirmed yet"),
        ((nothing,), "Nothing is corrected or confirmed yet"),
        ((no_axon,), "No corrected or confirmed region holds the class axon yet"),
        ((only_kept,), "The class axon was confirmed only where pixels are kept for validation"),
        ((unsplit,), "No pixels are kept for validation yet"),
        ((bare,), "hold no myelin or axon yet"),
    ]:
        assert part in missing(planes, CLASSES), part
    assert missing((corrected_plane(),), CLASSES) is None
    # What one image lacks another may hold, or a folder.
    assert missing((no_axon, corrected_plane(seed=1)), CLASSES) is None
    assert missing((no_axon,), CLASSES, (LabelledSet("images", "labels"),)) is None


def test_a_job_that_cannot_start_says_why(tiny_segmenter, tmp_path):
    no_axon = changed(labels=lambda p: np.where(p.labels == 7, 0, p.labels).astype(np.uint8))
    with pytest.raises(InputError, match="holds the class axon yet"):
        small_job(tmp_path / "run", tiny_segmenter, plane=no_axon).run(Control(), LoadedModels())
    for segmenter in (tiny_segmenter, ""):
        nothing = replace(small_job(tmp_path / "run", segmenter, classes=CLASSES), planes=())
        with pytest.raises(InputError, match="Nothing is corrected"):
            nothing.run(Control(), LoadedModels())
    assert not (tmp_path / "run").exists()


def test_a_job_names_the_models_that_must_travel_with_it(tmp_path):
    sets = (LabelledSet(tmp_path, tmp_path, "back"), LabelledSet(tmp_path, tmp_path))
    job = FineTuneJob((), segmenter="start", translator="there", folder=tmp_path, sets=sets)
    assert job.checkpoints == ("start", "there", "back")
    assert FineTuneJob((), segmenter="", translator=None, folder=tmp_path).checkpoints == ()


@pytest.mark.parametrize(
    "normalisation",
    [Normalisation(kind="range", low=0, high=400), Normalisation(low=5, high=80), Normalisation(kind="none")],
)
def test_folders_teach_what_the_model_sees_in_use(tiny_segmenter, tmp_path, normalisation):
    """The planes of a labelled folder are normalised as the card says, as those of an image that is labelled."""
    plane = corrected_plane(seed=3, name="other")
    further = write_set(tmp_path, plane)
    card = load_segmenter(tiny_segmenter).card.model_copy(update={"normalisation": normalisation})
    adapter = Adapter(card, None, Scale(factor=1), 1, 0, "cpu", MemoryLimits(), tmp_path / "kept")
    (found,), _ = adapter.labelled(replace(further, scale=Scale(factor=1)), Control())
    n = normalisation
    limits = intensity_range(from_array(plane.image), kind=n.kind, low=n.low, high=n.high)
    np.testing.assert_allclose(found.image, normalise(plane.image, limits), atol=1e-6)
    # Open layers teach the same, also where a part of them was touched only.
    touched = np.zeros(plane.labels.shape, bool)
    touched[8:40, 8:40] = True
    layer = replace(plane, touched=touched, intensities=Intensities.of(from_array(plane.image)))
    (part,) = adapter.annotated(layer, 0.0, Control()).train
    box = adapter.box(touched & ~plane.validation, 1)
    np.testing.assert_allclose(part.image, normalise(plane.image, limits)[box], atol=1e-6)
