"""Tutorship: what it learns from, what it hands back, and what it refuses."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from tutor_case import SIDE, field, labelled_folders, raw_dataset, tutor_job, write

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.imaging import IntensityRange, from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.models import load_segmenter, load_translator
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelJob
from napari_pseudolabel.strategies.description import LabelSettings
from napari_pseudolabel.strategies.tutorship import proxy_job, tutorship, with_proxies
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.common.training_events import Epoch, Fold, Loss, SyntheticPair, TrainStart
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.data.labelled_sets import LabelledLayer, LabelledSet
from napari_pseudolabel.training.training_jobs import TutorJob
from napari_pseudolabel.training.tutor import synthetic, tutoring
from napari_pseudolabel.training.tutor.tutor_task import TutorSettings

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = LabelSettings(flips=0, tiles=TileSettings(device="cpu"), scale=Scale(factor=1))


@pytest.fixture
def seen(monkeypatch):
    """The planes that every training was given: (train, validation)."""
    found, real = [], tutoring.SegmenterTraining

    def recorded(train, validation, *arguments, **options):
        found.append((train, validation))
        return real(train, validation, *arguments, **options)

    monkeypatch.setattr(tutoring, "SegmenterTraining", recorded)
    return found


@pytest.fixture
def translations(monkeypatch):
    """Shapes of the images that were translated."""
    found = []
    real = synthetic.Adapter.segmenter_images.__globals__["translate"]

    def recorded(translator, image, **options):
        found.append(image.shape)
        return real(translator, image, **options)

    monkeypatch.setattr("napari_pseudolabel.training.data.adapted_planes.translate", recorded)
    return found


def test_a_proxy_learns_on_synthetic_images_and_says_so(tiny_translator, tmp_path):
    told, reports = [], []
    job = tutor_job(tmp_path / "run", tiny_translator, labelled_folders(tmp_path / "set"))
    made = pickle.loads(pickle.dumps(job)).run(
        Control(report=reports.append, emit=told.append), LoadedModels()
    )
    (proxy,) = made.proxies
    assert proxy.path == tmp_path / "run" / "fold-1" / "proxy.safetensors"
    assert proxy.path.read_bytes() == proxy.checkpoint
    card, translator = load_segmenter(proxy.path).card, load_translator(tiny_translator)
    assert card.source.texture.images > 0  # of the synthetic images
    assert card.source.model_copy(update={"texture": None}) == translator.card.target
    assert card.classes == AXON_CLASSES
    assert card.parent is None
    (data,) = card.training.data
    assert data.startswith(
        f"set/images (4 labelled images), translated by tiny SEM to TEM ({tiny_translator}"
    )
    assert translator.sha256[:12] in data
    assert "on no real ones" in card.description
    assert {one.metric for one in card.quality} == {
        *(f"Dice {name} on synthetic images" for name in proxy.score.per_class),
        *(f"F1 {name} on synthetic images" for name in proxy.score.f1),
    }
    assert "1 of the labelled images, translated (field_" in card.quality[0].data
    # The step that it kept names no real images either.
    kept = load_segmenter(tmp_path / "run" / "fold-1" / "best.safetensors").card
    assert "synthetic field_" in kept.quality[0].data
    kinds = [type(event) for event in told]
    assert kinds[:6] == [*[SyntheticPair] * 4, Fold, TrainStart]
    assert kinds.count(Epoch) == 3
    assert Loss not in kinds  # told every ten steps
    assert told[-1] == Fold(1, 1, proxy.score)
    stages = list(dict.fromkeys(one.stage for one in reports))
    assert stages == [
        "Translating the labelled images",
        "Training the segmenter",
        "Measuring how sure it may be",
    ]
    (end,) = {(one.done, one.total) for one in reports if one.stage == stages[0] and one.done == one.total}
    assert end == (4 * SIDE**2, 4 * SIDE**2)
    assert all(one.seconds_left is not None for one in reports if one.done)


def test_a_proxy_learns_shapes_and_its_weights_are_averaged(tiny_translator, tmp_path):
    source = labelled_folders(tmp_path / "set")
    for name, settings in (("default", {}), ("own", {"class_shift": 0.1, "ema": 0.5})):
        job = tutor_job(tmp_path / name, tiny_translator, source, **settings)
        job.run(Control(), LoadedModels())
        state = torch.load(tmp_path / name / "fold-1" / "training.pt", weights_only=True)
        learned = {key: state["settings"][key] for key in ("class_shift", "ema")}
        assert learned == {"class_shift": 0.2, "ema": 0.99} | settings


def test_all_samples_of_a_file_are_on_one_side_and_labels_stay(tiny_translator, tmp_path, seen):
    source = labelled_folders(tmp_path / "set", count=5)
    job = tutor_job(tmp_path / "run", tiny_translator, source, samples=3, validation_share=0.4)
    job.run(Control(), LoadedModels())
    ((train, validation),) = seen
    sides = [{plane.name for plane in side} for side in (train, validation)]
    assert [len(side) for side in sides] == [3, 2]
    assert not sides[0] & sides[1]
    assert (len(train), len(validation)) == (9, 2)
    truth = {f"synthetic field_{seed}.png": field(seed)[1] for seed in range(5)}
    for plane in (*train, *validation):
        np.testing.assert_array_equal(plane.labels, truth[plane.name])
        assert plane.weight is None
    # The samples differ, and the noise of two images differs as well.
    looks = {plane.name: [] for plane in train}
    for plane in train:
        looks[plane.name].append(plane.image)
    for found in looks.values():
        assert not np.array_equal(found[0], found[1])


def test_equal_images_are_translated_alike_and_others_get_other_noise(tiny_translator, tmp_path, seen):
    flat = np.full((SIDE, SIDE), 90, np.uint8)
    flat[0, :4] = 0, 255, 0, 255  # or there would be nothing to see
    other = flat.copy()
    other[0, 4] = 0
    truth = field(0)[1]
    for name, image in (("a", flat), ("b", flat), ("c", other), ("d", 255 - other)):
        write(tmp_path / "set" / "images" / f"{name}.png", image)
        write(tmp_path / "set" / "labels" / f"{name}.png", truth)
    source = LabelledSet(tmp_path / "set/images", tmp_path / "set/labels", scale=Scale(factor=1))
    job = tutor_job(tmp_path / "run", tiny_translator, source, samples=1, validation=("d",))
    job.run(Control(), LoadedModels())
    a, b, c = (plane.image for plane in seen[0][0])
    np.testing.assert_array_equal(a, b)
    # Far from the one pixel that differs nothing but the noise does.
    assert np.abs(a - c)[24:].mean() > 0.01


def test_folds_validate_every_file_once_and_can_be_averaged(tiny_translator, tmp_path, seen):
    told = []
    source = labelled_folders(tmp_path / "set", count=3)
    job = tutor_job(tmp_path / "run", tiny_translator, source, folds=3, steps=2)
    made = job.run(Control(emit=told.append), LoadedModels())
    assert len(made.proxies) == len(seen) == 3
    validated = [plane.name for _, validation in seen for plane in validation]
    assert sorted(validated) == [f"synthetic field_{seed}.png" for seed in range(3)]
    assert [(one.number, one.score is None) for one in told if isinstance(one, Fold)] == [
        (number, begins) for number in (1, 2, 3) for begins in (True, False)
    ]
    image = from_array(field(7)[0], "YX", name="real")
    found = proxy_job(image, job, made, settings=CPU).run(Control(), LoadedModels())
    assert len(found.members) == 3
    assert len(set(found.members)) == 3
    assert found.candidates.shape == (1, 3, SIDE, SIDE)
    for number, proxy in enumerate(made.proxies):
        alone = LabelJob(image, segmenter=str(proxy.path), settings=CPU).run(Control(), LoadedModels())
        np.testing.assert_array_equal(found.candidates[0, number], alone.labels[0])
    provenance = found.report.provenance()
    assert provenance["strategy"] == "tutorship"
    assert [one["role"] for one in provenance["models"]] == ["tutor", "segmenter", *["second opinion"] * 2]
    assert provenance["models"][0]["sha256"] == load_translator(tiny_translator).sha256
    assert any(
        "set/images (3 labelled images), translated by tiny SEM to TEM" in one for one in found.report.notes
    )


def test_one_call_trains_and_labels(tiny_translator, tmp_path, translations):
    job = tutor_job(tmp_path / "run", tiny_translator, labelled_folders(tmp_path / "set"), steps=2)
    images = [from_array(field(seed)[0], "YX", name=f"real {seed}") for seed in (8, 9)]
    found = list(tutorship(images, job, settings=CPU))
    assert [one.report.source for one in found] == ["real 8", "real 9"]
    assert all(one.labels.shape == (1, SIDE, SIDE) for one in found)
    assert len(translations) == 4
    with pytest.raises(InputError, match="no proxy segmenter"):
        with_proxies(images[0], ())


def test_a_worker_elsewhere_hands_the_proxies_back(tiny_translator, tmp_path):
    job = tutor_job(tmp_path / "run", tiny_translator, labelled_folders(tmp_path / "set"), steps=2)
    made = job.run(Control(), LoadedModels())
    (proxy,) = made.proxies
    there = replace(made, proxies=(replace(proxy, path=tmp_path / "here" / "fold-1" / "proxy.safetensors"),))
    found = proxy_job(from_array(field(7)[0], "YX", name="real"), job, there, settings=CPU)
    assert found.run(Control(), LoadedModels()).labels is not None


def test_a_finished_job_translates_and_trains_nothing(tiny_translator, tmp_path, translations, seen):
    job = tutor_job(tmp_path / "run", tiny_translator, labelled_folders(tmp_path / "set"))
    first = job.run(Control(), LoadedModels())
    translations.clear()
    seen.clear()
    told = []
    again = job.run(Control(emit=told.append), LoadedModels())
    assert again.proxies[0].checkpoint == first.proxies[0].checkpoint
    assert again.proxies[0].score == first.proxies[0].score
    assert (translations, seen, told) == ([], [], [Fold(1, 1, first.proxies[0].score)])


SHARES = [0.5, *(pytest.param(share, marks=pytest.mark.soak) for share in (0.1, 0.9))]


@pytest.mark.parametrize("share", SHARES)
def test_a_cancelled_job_goes_on_as_if_nothing_had_happened(tiny_translator, tmp_path, share):
    source = labelled_folders(tmp_path / "set", count=3)
    calls, last = [], np.inf

    def cancelled():
        calls.append(1)
        return len(calls) > last

    whole = tutor_job(tmp_path / "whole", tiny_translator, source, folds=2).run(
        Control(cancelled=cancelled), LoadedModels()
    )
    last = share * len(calls)
    calls.clear()
    job = tutor_job(tmp_path / "stopped", tiny_translator, source, folds=2)
    with pytest.raises(Cancelled):
        job.run(Control(cancelled=cancelled), LoadedModels())
    again = job.run(Control(), LoadedModels())
    assert [one.checkpoint for one in again.proxies] == [one.checkpoint for one in whole.proxies]
    assert [one.score for one in again.proxies] == [one.score for one in whole.proxies]


def test_finishing_keeps_the_folds_so_far(tiny_translator, tmp_path):
    source = labelled_folders(tmp_path / "set", count=3)
    wishes = []

    def tell(event):
        if isinstance(event, Epoch):
            wishes.append(event)

    job = tutor_job(tmp_path / "run", tiny_translator, source, folds=3)
    control = Control(emit=tell, wish=lambda: "finish" if len(wishes) >= 4 else "run")
    made = job.run(control, LoadedModels())
    assert [one.stopped for one in made.proxies] == ["steps", "finish"]
    again = job.run(Control(), LoadedModels())
    assert [one.checkpoint for one in again.proxies] == [one.checkpoint for one in made.proxies]
    at_once = tutor_job(tmp_path / "other", tiny_translator, source)
    with pytest.raises(InputError, match="before its first step"):
        at_once.run(Control(wish=lambda: "finish"), LoadedModels())


def test_pictures_show_the_labelled_part_small(tiny_translator, tmp_path):
    labels = np.zeros((300, 220), np.uint8)
    labels[200:248, 150:198] = field(1)[1]
    image = np.random.default_rng(0).integers(0, 255, labels.shape, np.uint8)
    image[200:248, 150:198] = field(1)[0]
    for name in ("a", "b"):
        write(tmp_path / "set" / "images" / f"{name}.png", image if name == "a" else image[::-1])
        write(tmp_path / "set" / "labels" / f"{name}.png", labels if name == "a" else labels[::-1])
    source = LabelledSet(tmp_path / "set/images", tmp_path / "set/labels", scale=Scale(factor=1))
    told = []
    tutor_job(tmp_path / "run", tiny_translator, source, steps=1, samples=1).run(
        Control(emit=told.append), LoadedModels()
    )
    first = next(one for one in told if isinstance(one, SyntheticPair))
    assert first.name == "a.png"
    for part in (first.source, first.translation, first.labels):
        assert part.dtype == np.uint8
        assert part.shape == (192, 192)
    assert (first.labels > 0).sum() == (labels > 0).sum()
    assert first.source.std() > 10
    assert first.translation.std() > 0


def layer(name, seeds, touched=None, validation=None):
    """A layer of planes of which every pixel counts unless it is said."""
    planes = []
    for seed in seeds:
        image, labels = field(seed)
        everywhere, nowhere = np.ones(labels.shape, bool), np.zeros(labels.shape, bool)
        planes.append(
            AnnotatedPlane(
                name=f"{name}, plane {seed}",
                key=f"{name}-{seed}",
                image=image.astype(np.float32),
                limits=IntensityRange(0, 255),
                pixel_size_um=0.2,
                labels=labels,
                touched=everywhere if touched is None else touched,
                confidence=None,
                validation=nowhere if validation is None else validation,
            )
        )
    return LabelledLayer(name, tuple(planes), Scale(factor=1))


def test_planes_of_a_layer_stay_together(tiny_translator, tmp_path, seen):
    job = tutor_job(
        tmp_path / "run", tiny_translator, layer("stack", (0, 1, 2)), layer("other", (3,)), steps=2
    )
    job.run(Control(), LoadedModels())
    ((train, validation),) = seen
    names = {plane.name for plane in train}, {plane.name for plane in validation}
    assert sorted(map(sorted, names)) == [["synthetic 1-stack"], ["synthetic 2-other"]]


def test_pixels_kept_for_validation_never_train(tiny_translator, tmp_path, seen):
    kept = np.zeros((SIDE, SIDE), bool)
    kept[:20, :24] = True
    touched = np.zeros((SIDE, SIDE), bool)
    touched[:, :40] = True
    single = layer("field", (0,), touched, kept)
    tutor_job(tmp_path / "one", tiny_translator, single, steps=2).run(Control(), LoadedModels())
    ((train, validation),) = seen
    assert len(train) == 2
    for plane in train:
        np.testing.assert_array_equal(plane.weight > 0, touched & ~kept)
    np.testing.assert_array_equal(validation[0].weight > 0, kept)
    # With a second image the split is by image, and they still do not train.
    seen.clear()
    second = layer("second", (1,), touched, kept)
    tutor_job(tmp_path / "two", tiny_translator, single, second, steps=2).run(Control(), LoadedModels())
    ((train, validation),) = seen
    for plane in train:
        np.testing.assert_array_equal(plane.weight > 0, touched & ~kept)
    np.testing.assert_array_equal(validation[0].weight > 0, touched)
    with pytest.raises(InputError, match="several labelled images"):
        tutor_job(tmp_path / "folds", tiny_translator, single, folds=2).run(Control(), LoadedModels())


def test_nnunet_sets_bring_their_classes_and_mix_with_folders(tiny_translator, tmp_path, seen):
    raw = raw_dataset(tmp_path / "Dataset001_FIELDS", count=3)
    made = tutor_job(tmp_path / "run", tiny_translator, raw, classes=(), steps=2).run(
        Control(), LoadedModels()
    )
    classes = load_segmenter(made.proxies[0].path).card.classes
    assert [(one.name, one.value) for one in classes] == [("background", 0), ("myelin", 1), ("axon", 2)]
    seen.clear()
    both = (raw, labelled_folders(tmp_path / "set", count=2))
    tutor_job(tmp_path / "both", tiny_translator, *both, classes=(), steps=2).run(Control(), LoadedModels())
    ((train, validation),) = seen
    names = {plane.name for plane in (*train, *validation)}
    # field_0 and field_1 are in both: copies stay on one side.
    assert len(names) == 5
    sides = [{plane.name.split("field_")[1][0] for plane in side} for side in (train, validation)]
    assert not sides[0] & sides[1]


def test_values_of_no_class_are_background_and_said(tiny_translator, tmp_path):
    source = labelled_folders(tmp_path / "set")
    job = tutor_job(tmp_path / "run", tiny_translator, source, classes=AXON_CLASSES[:2], steps=2)
    made = job.run(Control(), LoadedModels())
    assert "The label values 2 belong to no class, so they count as background." in made.notes


def test_images_without_a_pixel_size_are_said(tiny_translator, tmp_path):
    source = replace(labelled_folders(tmp_path / "set"), scale=Scale())
    made = tutor_job(tmp_path / "run", tiny_translator, source, steps=1).run(Control(), LoadedModels())
    (told,) = [one for one in made.notes if "The scale is not known of" in one]
    assert str(source.images) in told
    assert "Give their pixel size" in told


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"folds": 5}, "5 folds need at least 5"),
        ({"folds": 2, "validation": ("field_0",)}, "leave out the validation files"),
        ({"validation": ("field",)}, "leave some for the training"),
        ({"validation": ("nobody",)}, "“nobody”"),
        ({"classes": ()}, "Name at least one class"),
        ({"classes": (LabelClass(name="dust", value=9),)}, r"dust \(9\)"),
        ({"patch": 40}, "multiple of 16"),
        ({"nnunet": "synthetic"}, "Dataset501_SEM"),
        ({"device": "cuda:77"}, "CUDA"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_translated(
    tiny_translator, tmp_path, translations, changes, part
):
    if "nnunet" in changes:
        changes = {"nnunet": tmp_path / changes["nnunet"]}
    source = labelled_folders(tmp_path / "set")
    with pytest.raises(Exception, match=part) as found:
        tutor_job(tmp_path / "run", tiny_translator, source, **changes).run(Control(), LoadedModels())
    assert type(found.value).__name__ in ("InputError", "DeviceError")
    assert translations == []
    assert not (tmp_path / "run").exists()


def test_labelled_sets_that_cannot_be_used(tiny_translator, tmp_path):
    def refused(*sources):
        with pytest.raises(InputError) as found:
            tutor_job(tmp_path / "run", tiny_translator, *sources).run(Control(), LoadedModels())
        return str(found.value)

    assert "No labelled images" in refused()
    assert "is not a folder" in refused(LabelledSet(tmp_path / "no", tmp_path / "no"))
    assert "One labelled image is not enough" in refused(labelled_folders(tmp_path / "one", count=1))
    other = replace(labelled_folders(tmp_path / "set"), translator="sample:sem-to-tem")
    assert "another translator" in refused(other)
    bare = replace(layer("a", (0,)), planes=())
    assert "No labelled image shows anything where something is labelled" in refused(bare)
    sets = (
        raw_dataset(tmp_path / "Dataset001_A"),
        raw_dataset(tmp_path / "Dataset002_B", labels={"background": 0, "dust": 1, "axon": 2}),
    )
    clash = tutor_job(tmp_path / "run", tiny_translator, *sets, classes=())
    with pytest.raises(InputError, match="1 is myelin in one data set and dust in another"):
        clash.run(Control(), LoadedModels())


def test_a_folder_with_another_tutorship_is_refused(tiny_translator, tmp_path):
    source = labelled_folders(tmp_path / "set")
    tutor_job(tmp_path / "run", tiny_translator, source, steps=2).run(Control(), LoadedModels())
    with pytest.raises(InputError, match=r"other settings\.lr"):
        tutor_job(tmp_path / "run", tiny_translator, source, steps=2, lr=1e-3).run(Control(), LoadedModels())
    write(tmp_path / "set" / "labels" / "field_0.png", field(9)[1])
    with pytest.raises(InputError, match="other data"):
        tutor_job(tmp_path / "run", tiny_translator, source, steps=2).run(Control(), LoadedModels())


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"steps": 0}, "Steps must be 1 or more, not 0."),
        ({"folds": 99}, "Folds must be from 1 to 20, not 99."),
        ({"validation_share": 1.0}, "Validation share must be above 0 and below 1, not 1."),
        ({"lr": 0.0}, "Learning rate must be above 0 and below 1, not 0."),
        ({"patience": 0}, "Patience must be 1 or more, not 0."),
        ({"class_shift": -0.1}, "Class shift must be 0 or more and below 1, not -0.1."),
        ({"ema": 1.0}, "EMA must be 0 or more and below 1, not 1."),
    ],
)
def test_impossible_settings_are_one_sentence(changes, part):
    with pytest.raises(InputError, match=part):
        TutorSettings(**changes)


def test_a_job_names_what_must_travel_with_it(tmp_path):
    job = TutorJob((LabelledSet(tmp_path / "a/images", tmp_path),), "there", tmp_path)
    assert job.checkpoints == ("there",)
    assert job.names == ("a/images",)
    assert job.lane == "train"
