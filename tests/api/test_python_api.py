"""What scripts and notebooks call, from the package itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch
from disc_case import CARD, DISC
from skimage.draw import disk
from skimage.measure import label

import napari_pseudolabel as pseudolabel
from napari_pseudolabel import api
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Placement, from_array
from napari_pseudolabel.imaging.reading import image_files
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.strategies import LabelSettings, Region
from napari_pseudolabel.strategies.otsu.otsu_options import OtsuOptions
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuneSettings

pytestmark = pytest.mark.usefixtures("brief_calibration")

QUICK = LabelSettings(flips=0)


@pytest.fixture(scope="module")
def discs():
    """(96, 90) uint8 with nine discs, and what is in them."""
    labels = np.zeros((96, 90), np.uint8)
    for y in (16, 48, 80):
        for x in (15, 45, 75):
            labels[disk((y, x), 9)] = DISC
    noise = np.random.default_rng(0).normal(0, 8, labels.shape)
    return np.clip(60 + 120 * (labels > 0) + noise, 0, 255).astype(np.uint8), labels


def test_the_package_hands_out_the_stable_functions():
    assert pseudolabel.__all__ == api.__all__
    assert all(getattr(pseudolabel, name) is getattr(api, name) for name in pseudolabel.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pseudolabel.nothing  # noqa: B018


def test_a_part_is_labelled_and_written_as_a_part(discs, tmp_path):
    image, truth = discs
    part = Region(0, 0, 64, 90)
    found = pseudolabel.pseudo_label(image, strategy="otsu", region=part, settings=QUICK)
    assert found.labels.shape == (1, 64, 90)
    assert np.mean((found.labels[0] > 0) == (truth[:64] > 0)) > 0.95
    files = pseudolabel.export(tmp_path / "labels.ome.tif", found, image)
    written = image_files.read_labels(files[0])
    assert np.array_equal(written.data[:64], found.labels[0])
    assert (written.data[64:] == 255).all(), "what was not looked at is no background"


def test_a_file_and_its_array_get_the_same_labels(discs, tmp_path):
    image, _ = discs
    tifffile.imwrite(tmp_path / "discs.tif", image)
    one, other = (
        pseudolabel.pseudo_label(source, strategy="otsu", settings=QUICK).labels
        for source in (tmp_path / "discs.tif", image)
    )
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "not known what the image shows"),
        ({"modality": "X-ray"}, "No named model takes X-ray"),
        ({"strategy": "rendered"}, "give folder"),
        ({"strategy": "otsu", "folder": "somewhere"}, "leave out folder"),
        ({"strategy": "otsu", "options": QUICK}, "of another kind"),
        ({"strategy": "otsu", "segmenter": "sample:sem-axons"}, "leave out segmenter"),
        ({"strategy": "otsu", "settings": LabelSettings(find_scale="always")}, "leave out find_scale"),
        ({"segmenter": "sample:sem-axons", "settings": LabelSettings(samples=2)}, "leave out samples"),
        ({"strategy": "auto", "folder": "somewhere"}, "no folder"),
        ({"options": OtsuOptions()}, "name it"),
        ({"strategy": "nothing"}, "nothing"),
        ({"axes": "ZYX"}, "ZYX"),
    ],
)
def test_what_is_missing_or_does_nothing_is_said(discs, asked, said):
    with pytest.raises(InputError, match=said):
        pseudolabel.pseudo_label(discs[0], **asked)


def test_which_of_several_stains_is_meant_is_asked(discs):
    image = replace(from_array(np.stack([255 - discs[0], discs[0]]), "CYX"), channel_names=("DAPI", "GFP"))
    with pytest.raises(InputError, match=r"2 channels: 0 \(DAPI\), 1 \(GFP\)"):
        pseudolabel.pseudo_label(image, strategy="otsu", settings=QUICK)
    chosen = pseudolabel.pseudo_label(image, strategy="otsu", settings=replace(QUICK, channel=1)).labels
    alone = pseudolabel.pseudo_label(discs[0], strategy="otsu", settings=QUICK).labels
    assert np.array_equal(chosen, alone)
    named = pseudolabel.pseudo_label(image, strategy="otsu", settings=replace(QUICK, channel="gfp"))
    assert np.array_equal(named.labels, alone)
    assert named.report.settings.channel == 1
    with pytest.raises(InputError, match=r"image has no channel Cy5; it has 0 \(DAPI\), 1 \(GFP\)\."):
        pseudolabel.pseudo_label(image, strategy="otsu", settings=replace(QUICK, channel="Cy5"))
    twice = replace(image, channel_names=("GFP", "GFP"))
    with pytest.raises(InputError, match="channels 0 and 1 of image are all called GFP; give a number"):
        pseudolabel.pseudo_label(twice, strategy="otsu", settings=replace(QUICK, channel="GFP"))
    waves = replace(image, channel_names=("405", "488"))
    assert waves.told_channel(488) == waves.told_channel("488") == 1


def test_fine_tuning_keeps_the_same_corner_for_validation_and_goes_on(discs, tmp_path):
    image, truth = discs
    torch.manual_seed(0)
    monai_unet.save(monai_unet.build(CARD), CARD, start := tmp_path / "start.safetensors")
    settings = FineTuneSettings(steps=4, batch=2, patch=32, epoch_steps=2)
    asked = ([image], [truth], tmp_path / "run")
    made = pseudolabel.fine_tune(*asked, segmenter=start, settings=settings)
    again = pseudolabel.fine_tune(*asked, segmenter=start, settings=settings)
    assert made.best == again.best, "what is done is not done again"
    assert (tmp_path / "run" / "best.safetensors").is_file()
    with pytest.raises(InputError, match="must match"):
        pseudolabel.fine_tune([image], [truth[:9]], tmp_path / "other", segmenter=start)


def test_arrays_and_files_are_compared_alike_and_what_is_not_labelled_is_left_out(discs, tmp_path):
    image, truth = discs
    found = pseudolabel.pseudo_label(image, strategy="otsu", region=Region(0, 0, 64, 90), settings=QUICK)
    files = pseudolabel.export(tmp_path / "labels.ome.tif", found, image)
    classes = {one.name: one.value for one in found.classes if one.value}
    (name,) = classes
    truth = np.where(truth > 0, np.uint8(classes[name]), 0)
    whole = pseudolabel.evaluate(found.labels, truth[None, :64], classes)
    part = pseudolabel.evaluate(files[0], truth, classes)
    assert part.scores.dice == whole.scores.dice
    assert part.scores.objects[name].f1 == pytest.approx(1.0)
    assert any("not labelled in both" in note for note in part.notes)
    with pytest.raises(InputError, match="whole numbers"):
        pseudolabel.evaluate(truth.astype(float), truth, classes)


def test_objects_of_an_array_are_measured_in_micrometres_only_where_they_are_known(discs):
    _, truth = discs
    bare = pseudolabel.measure(truth, {"disc": DISC})
    assert bare.measures.count == 9
    assert any("in pixels" in note for note in bare.notes)
    known = pseudolabel.measure(truth, {"disc": DISC}, pixel_size_um=0.5)
    assert np.allclose(known.measures.rows["area"], bare.measures.rows["area"] / 4)
    with pytest.raises(InputError, match="from 1e-05"):
        pseudolabel.measure(truth, {"disc": DISC}, pixel_size_um=-1)


LABELS = np.kron(np.array([[0, 1], [2, 0]], np.uint8), np.ones((8, 8), np.uint8))


@pytest.mark.parametrize(
    ("labels", "classes", "said"),
    [
        (LABELS - np.int16(1), {"a": 1}, "negative values"),
        (np.ma.masked_equal(LABELS, 2), {"a": 1}, "masked values"),
        (np.dstack([LABELS] * 3), {"a": 1}, "as a picture in colours has"),
        (from_array(LABELS * 0.5, "YX"), {"a": 1}, "no whole numbers"),
        (from_array(np.dstack([LABELS, LABELS, 0 * LABELS]), "YXS"), {"a": 1}, "holds colours"),
        (LABELS, {"a": 1, "b": 1}, "Two classes have the value 1"),
        (LABELS, {"a": -1}, "whole numbers from 0 on"),
        (LABELS, {"a": "1"}, "whole numbers from 0 on"),
        (".", {"a": 1}, "is not a Zarr"),
    ],
)
def test_what_is_no_label_or_no_class_is_one_sentence_from_python_too(labels, classes, said):
    for call in (api.measure, lambda one, named: api.evaluate(one, LABELS, named)):
        with pytest.raises(InputError, match=said):
            call(labels, classes)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"pixel_size_um": "0,5"}, "pixel_size_um must be a number, not '0,5'"),
        ({"pixel_size_um": True}, "pixel_size_um must be a number, not True"),
        ({"pixel_size_um": 1e9}, "Pixel size must be from 1e-05 to 10000"),
        ({"pixel_size_um": (0.5, 0.5)}, "pixel_size_um must be a number"),
        ({"planes": [(1,), (1,)]}, "A plane is named twice"),
        ({"planes": [1, [1]]}, "A plane is named twice"),
        ({"planes": [2]}, "image has no plane 2; it has 2 planes."),
        ({"planes": [(0, 0)]}, "image has no plane (0, 0); it has 2 planes."),
        ({"planes": 1}, "planes must be a list (each a whole number or a list (each a whole number)), not 1"),
        ({"planes": ["a"]}, "planes must be a list"),
        ({"planes": []}, "No plane is named"),
        (
            {"settings": {"flips": 0}},
            "settings must be LabelSettings, not a dict; give LabelSettings(**settings).",
        ),
        ({"region": (0, 0, 8, 8)}, "region must be Region, not (0, 0, 8, 8)"),
        ({"segmenter": 5}, "segmenter must be text or a path, not 5"),
        ({"image": None}, "An image is a path, an array or imaging.Image, not NoneType"),
    ],
)
def test_what_cannot_be_meant_is_refused(discs, values, said):
    stack = np.stack([discs[0]] * 2)
    with pytest.raises(InputError, match=re.escape(said)):
        pseudolabel.pseudo_label(
            **{"image": stack, "axes": "ZYX", "strategy": "otsu", "settings": QUICK, **values}
        )


def test_planes_of_a_stack_are_numbers():
    stack = np.random.default_rng(0).random((3, 40, 50), np.float32)
    found = pseudolabel.pseudo_label(
        stack, axes="ZYX", strategy="otsu", settings=QUICK, planes=[0, np.int64(2)]
    )
    assert found.planes == ((0,), (2,))
    with pytest.raises(InputError, match="whole numbers of pixels"):
        Region(0, 0, 1.5, 3)


def test_labels_of_another_image_of_the_same_shape_are_not_written(discs, tmp_path):
    image, other = discs[0], discs[0].copy()
    other[48, 45] += 1
    found = pseudolabel.pseudo_label(image, strategy="otsu", settings=QUICK)
    with pytest.raises(InputError, match="image does not hold the pixels that were labelled; give the image"):
        pseudolabel.export(tmp_path / "labels.tif", found, other)
    assert not [*tmp_path.iterdir()]
    tifffile.imwrite(tmp_path / "same.tif", image)
    pseudolabel.export(tmp_path / "labels.tif", found, tmp_path / "same.tif")


@pytest.mark.parametrize(
    "values", [{"find_scale": "allways"}, {"mode": "Tiled"}, {"flips": 1.5}, {"seed": None}]
)
def test_settings_take_no_other_words_and_numbers(values):
    with pytest.raises(InputError, match="must be"):
        LabelSettings(**values)


def test_numbers_of_numpy_are_numbers():
    settings = LabelSettings(flips=np.int64(1), smallest_object=np.float32(0.5), scale=Scale(np.float64(2)))
    assert settings == LabelSettings(flips=1, smallest_object=0.5, scale=Scale(2.0))
    assert type(settings.smallest_object) is float


def test_a_magnification_goes_before_a_pixel_size_which_is_written_all_the_same(discs, tmp_path):
    asked = LabelSettings(flips=0, scale=Scale(factor=1.0))
    found = pseudolabel.pseudo_label(discs[0], strategy="otsu", settings=asked, pixel_size_um=0.3)
    assert found.report.settings.scale == Scale(factor=1.0, pixel_size_um=0.3)
    assert "its file" not in " ".join(found.report.notes)
    files = pseudolabel.export(tmp_path / "labels.ome.tif", found, discs[0])
    assert image_files.read(files[0]).placement.pixel_size_um() == 0.3


def test_labels_never_replace_their_image(discs, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, discs[0])
    found = pseudolabel.pseudo_label(path, strategy="otsu", settings=QUICK)
    with pytest.raises(InputError, match=r"a\.tif would overwrite a, or a file of its set"):
        pseudolabel.export(path, found, path)
    assert np.array_equal(tifffile.imread(path), discs[0])


def test_what_is_infinite_has_no_value(discs):
    """As after a division by 0: it was labelled as if it were the brightest."""
    image = discs[0].astype(np.float32)
    image[:, :30], image[:10] = np.inf, -np.inf
    found = pseudolabel.pseudo_label(image, strategy="otsu", settings=QUICK)
    assert np.array_equal(np.isnan(found.confidence[0]), np.isinf(image))
    assert not found.labels[0][np.isinf(image)].any()


def test_values_without_a_class_and_other_places_are_said(discs):
    """Four numbered objects are too few to be taken for numbers: three of them are background, which was not said."""
    truth = np.zeros((40, 40), np.uint8)
    for number, (y, x) in enumerate([(8, 8), (8, 30), (30, 8), (30, 30)], start=1):
        truth[disk((y, x), 6)] = number
    compared = pseudolabel.evaluate((truth > 0).astype(np.uint8), truth, {"cell": 1})
    assert (
        "The values 2, 3 and 4 of the reference belong to no class that is named: taken for background; if"
        in compared.notes[0]
    )
    ignored = np.where(truth == 4, 255, truth > 0).astype(np.uint8)
    compared = pseudolabel.evaluate(ignored, ignored, {"cell": 1})
    assert (
        "The value 255 of both images belongs to no class that is named: taken for background."
        in compared.notes
    )
    one, two = (
        replace(
            from_array((truth > 0).astype(np.uint8)),
            placement=Placement((size, size), where, units=("um", "um")),
        )
        for size, where in ((0.5, (3, 3)), (1.0, (3, 3)))
    )
    moved = replace(one, placement=Placement((0.5, 0.5), (9, 3), units=("um", "um")))
    assert (
        "are 0.5 um wide and those of the reference 1 um"
        in pseudolabel.evaluate(one, two, {"cell": 1}).notes[-1]
    )
    assert "do not lie in the same place" in pseudolabel.evaluate(one, moved, {"cell": 1}).notes[-1]
    assert not pseudolabel.evaluate(one, one, {"cell": 1}).notes
    turned = pseudolabel.evaluate((truth == 0).astype(np.uint8), (truth > 0).astype(np.uint8), {"cell": 1})
    assert turned.notes[-1].endswith("one of them may be inverted.")


def test_sizes_that_contradict_each_other_are_named(discs):
    image, labels = discs
    sized = replace(from_array(image), placement=Placement((0.2, 0.2), (0, 0), units=("um", "um")))
    asked = LabelSettings(flips=0, scale=Scale(factor=1.0, object_size_px=9))
    scaled = replace(asked, scale=Scale(factor=1.0))
    found = pseudolabel.pseudo_label(sized, strategy="otsu", settings=scaled, pixel_size_um=0.5)
    notes = " ".join(found.report.notes)
    assert "are 0.2 um wide by its file, but 0.5 um was told" in notes
    assert "0.2 um" not in " ".join(
        pseudolabel.pseudo_label(sized, strategy="otsu", settings=QUICK, pixel_size_um=0.2).report.notes
    )
    assert asked.scale.overruled("a", sized.placement) == (
        "The magnification counts; the object size that was told as well was not used.",
    )
    values = replace(sized, data=labels)
    measured = pseudolabel.measure(values, {"nucleus": DISC}, pixel_size_um=0.5)
    assert "are 0.2 x 0.2 um by its file; the 0.5 um that were told count" in " ".join(measured.notes)
    assert measured.measures.spacing == (0.5, 0.5)
    with pytest.raises(InputError, match="must be a number"):
        pseudolabel.measure(values, {"nucleus": DISC}, pixel_size_um="0,5")


def test_of_several_levels_the_finest_counts_and_a_list_of_images_is_none(discs):
    """As layers hold them: numpy makes the coarsest of them, whose objects are a quarter as large."""

    class Levels(Sequence):
        shape, dtype = discs[1].shape, discs[1].dtype

        def __init__(self, array):
            self.arrays = [array, array[::2, ::2]]

        def __len__(self):
            return 2

        def __getitem__(self, level):
            return self.arrays[level]

        def __array__(self, dtype=None, copy=None):
            return self.arrays[-1]

    image, labels = map(Levels, discs)
    found = pseudolabel.pseudo_label(image, strategy="otsu", settings=QUICK)
    assert found.labels.shape == (1, 96, 90)
    measured = pseudolabel.measure(labels, {"nucleus": DISC}).measures
    assert measured.rows["area"].sum() == np.count_nonzero(discs[1])
    assert pseudolabel.evaluate(labels, discs[1], {"nucleus": DISC}).scores.dice == {"nucleus": 1.0}
    with pytest.raises(InputError, match="2 arrays of one shape is no image"):
        pseudolabel.pseudo_label([discs[0]] * 2, strategy="otsu", settings=QUICK)
    tensor = torch.as_tensor(discs[0])
    assert np.array_equal(
        pseudolabel.pseudo_label(tensor, strategy="otsu", settings=QUICK).labels, found.labels
    )


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda labels: pseudolabel.load_segmenter(None), "A model is a name or a path, not None"),
        (lambda labels: pseudolabel.load_translator(5), "A model is a name or a path, not 5"),
        (lambda labels: _tuned(labels, {"disc": 0}), "classes of a model have values from 1 to 255"),
        (lambda labels: _tuned(labels, {"disc": 300}), "classes of a model have values from 1 to 255"),
        (lambda labels: _tuned(labels, {"disc": "1"}), "values are whole numbers from 0 on"),
        (lambda labels: _tuned(labels, ["disc"]), "classes must be a dict, not ['disc']"),
        (
            lambda labels: pseudolabel.evaluate(labels, labels, {"disc": True}),
            "values are whole numbers from 0 on",
        ),
        (lambda labels: pseudolabel.measure(labels, kind="fibers"), "kind must be 'objects' or 'fibres'"),
        (lambda labels: pseudolabel.measure(labels, {"disc": 300}), "disc has the value 300, but values"),
        (lambda labels: pseudolabel.evaluate(labels, labels, {"rest": 0}), "besides the background"),
        # Cut down to 32 bit, all of these would be one object.
        (lambda labels: _numbered(labels, 2**32), f"these reach {9 * 2**32}"),
    ],
)
def test_what_no_function_takes_is_one_sentence(discs, call, said):
    with pytest.raises(InputError, match=re.escape(said)):
        call(discs[1])


def _numbered(labels, step):
    return pseudolabel.measure(label(labels).astype(np.uint64) * step, {"disc": 1}, numbered=True)


def test_large_numbers_of_objects_are_kept(discs):
    assert _numbered(discs[1], 2**28).measures.count == 9


def _tuned(labels, classes):
    return pseudolabel.fine_tune([labels], [labels], "never written", segmenter=None, classes=classes)
