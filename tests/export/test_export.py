import json
import os

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import export, export_image, formats, read_sidecar
from napari_pseudolabel.imaging import Placement, read
from napari_pseudolabel.models.cards import LabelClass

CLASSES = (
    LabelClass(name="background", value=0),
    LabelClass(name="axon", value=1, color="#0072b2"),
    LabelClass(name="myelin", value=2),
)
PROVENANCE = {
    "models": {
        "translator": {"name": "sem-to-tem", "path": "a.safetensors", "sha256": "ab" * 32},
        "segmenter": {"name": "tem", "sha256": "cd" * 32},
    },
    "strategy": "adaptation",
    "seed": 7,
    "date": "2025-01-02T03:04:05+00:00",
    "versions": {"torch": "2.0"},
    "parameters": {"samples": 4, "tile": 256},
    "source": {"name": "sem_12", "path": "sem_12.tif"},
    "share_corrected": 0.25,
    "device": "cpu",
    "warnings": ["shift of 2 px"],
}


def grid(*shape, dtype=np.uint8):
    return (np.arange(np.prod(shape)).reshape(shape) % 3).astype(dtype)


def placed(ndim):
    return Placement(
        scale=(3.0, 0.5, 0.093, 0.0931)[-ndim:],
        translate=(1.5, 0, 10.25, -3)[-ndim:],
        rotate=np.eye(ndim)[::-1],
        affine=np.diag(np.arange(1.0, ndim + 2)),
        units=("second", "micrometer", "micrometer", "micrometer")[-ndim:],
        axis_labels=tuple("tzyx"[-ndim:]),
    )


def export_grid(path, labels=None, placement=None, **arguments):
    labels = grid(20, 30) if labels is None else labels
    placement = placement or Placement.identity(labels.ndim)
    return export(
        path, labels, **{"classes": CLASSES, "placement": placement, "provenance": PROVENANCE} | arguments
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize(
    "shape", [(20, 30), (4, 20, 30), (2, 4, 20, 30), (1, 20, 30), (1, 1, 20, 30), (5, 7, 3)]
)
@pytest.mark.parametrize("suffix", [".ome.tif", ".tif"])
def test_ome_tiff_reads_back_identically(tmp_path, shape, dtype, suffix):
    labels = grid(*shape, dtype=dtype)
    placement = placed(len(shape))
    export_grid(tmp_path / f"a{suffix}", labels, placement)
    image = read(tmp_path / f"a{suffix}")
    assert image.axes == "TZYX"[-len(shape) :]
    assert image.data.dtype == dtype
    np.testing.assert_array_equal(image.data, labels)
    assert image.placement == placement
    assert image.name == "a"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.uint32, np.int64, ">u2"]),
        hnp.array_shapes(min_dims=2, max_dims=4, max_side=6),
        elements=st.integers(0, 255),
    ),
    st.data(),
)
def test_any_labels_and_placement_read_back(tmp_path, labels, data):
    n = labels.ndim
    units = st.sampled_from(["micrometer", "nanometer", "pixel", "second", "parsnip"])
    labels_of_axes = st.sampled_from([None, tuple("tzyx"[-n:]), tuple("ztyx"[-n:]), tuple("abcd"[:n])])
    placement = Placement(
        data.draw(st.tuples(*[st.floats(1e-6, 1e6) | st.floats(-10, -0.1)] * n)),
        data.draw(st.tuples(*[st.floats(-1e6, 1e6)] * n)),
        units=data.draw(st.none() | st.tuples(*[units] * n)),
        axis_labels=data.draw(labels_of_axes),
    )
    export_grid(tmp_path / "a.ome.tif", labels, placement)
    image = read(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.data, labels)
    assert image.placement == placement


def test_other_readers_find_axes_sizes_and_classes(tmp_path):
    export_grid(tmp_path / "a.ome.tif", grid(4, 20, 30), placed(3))
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tif:
        assert tif.is_ome
        assert tif.series[0].axes == "ZYX"
        image = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]
        entries = tifffile.xml2dict(tif.ome_metadata)["OME"]["StructuredAnnotations"]["MapAnnotation"][
            "Value"
        ]["M"]
    pixels = image["Pixels"]
    assert image["Name"] == "a"
    # As long as a step is in the world, after rotation and affine.
    sizes = [pixels[f"PhysicalSize{letter}"] for letter in "ZYX"]
    assert sizes == pytest.approx((1.5, 0.186, 0.0931))
    assert pixels["PhysicalSizeXUnit"] == "µm"
    classes = json.loads(next(entry["value"] for entry in entries if entry["K"] == "classes"))
    assert [(one["name"], one["value"], one["color"]) for one in classes][1] == ("axon", 1, "#0072b2")


def test_time_has_an_increment(tmp_path):
    placement = Placement((2.5, 1, 1), (0, 0, 0), units=("s", "nm", "nm"), axis_labels=("t", "y", "x"))
    export_grid(tmp_path / "a.ome.tif", grid(4, 20, 30), placement)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tif:
        assert tif.series[0].axes == "TYX"
        assert 'TimeIncrement="2.5" TimeIncrementUnit="s"' in tif.ome_metadata


def test_who_reads_tiff_alone_finds_the_pixel_size(tmp_path):
    # As ImageJ without plugins does, and most that know no OME-XML.
    def per_centimetre(placement):
        export_grid(tmp_path / "a.ome.tif", grid(4, 20, 30), placement)
        with tifffile.TiffFile(tmp_path / "a.ome.tif") as tif:
            tags = tif.pages[-1].tags
            found = [np.divide(*tags[f"{letter}Resolution"].value) for letter in "YX"]
            return found if tags["ResolutionUnit"].value == 3 else None

    lengths = Placement((2.5, 250.0, -0.1), (0, 0, 0), units=("s", "nm", "um"), axis_labels=("t", "y", "x"))
    assert per_centimetre(lengths) == pytest.approx([40_000, 100_000])
    assert per_centimetre(Placement.identity(3)) is None


@pytest.mark.parametrize(
    ("highest", "dtype"), [(2, np.uint8), (255, np.uint8), (256, np.uint16), (65536, np.uint32)]
)
def test_other_integers_become_the_smallest_type_that_holds_them(tmp_path, highest, dtype):
    labels = np.zeros((20, 30), np.int64)
    labels[3, 4] = highest
    export_grid(tmp_path / "a.ome.tif", labels)
    image = read(tmp_path / "a.ome.tif")
    assert image.data.dtype == dtype
    np.testing.assert_array_equal(image.data, labels)


@pytest.mark.parametrize(
    ("dtype", "stored"), [(np.uint8, np.uint8), (np.uint16, np.uint16), (np.uint32, np.uint16)]
)
def test_png_reads_back_identically(tmp_path, dtype, stored):
    labels = grid(20, 30, dtype=dtype) * 100
    export_grid(tmp_path / "a.png", labels.T)
    image = read(tmp_path / "a.png")
    assert image.data.dtype == stored
    np.testing.assert_array_equal(image.data, labels.T)


def test_confidence_lies_beside_the_labels(tmp_path):
    confidence = np.random.default_rng(0).random((20, 30)).astype(np.float32)
    written = export_grid(tmp_path / "a.png", confidence=confidence, placement=placed(2))
    assert [path.name for path in written] == ["a.png", "a.provenance.json", "a.confidence.ome.tif"]
    assert names(tmp_path) == sorted(path.name for path in written)
    image = read(written[2])
    np.testing.assert_array_equal(image.data, confidence)
    assert image.placement == placed(2)
    assert read_sidecar(written[0]).files == {"labels": "a.png", "confidence": "a.confidence.ome.tif"}


def test_sidecar_holds_everything(tmp_path):
    labels, sidecar = export_grid(tmp_path / "a.ome.tif", placement=placed(2))
    found = read_sidecar(labels)
    assert found == read_sidecar(sidecar)
    assert found.schema_version == 1
    assert [(model.role, model.name, model.sha256) for model in found.models] == [
        ("translator", "sem-to-tem", "ab" * 32),
        ("segmenter", "tem", "cd" * 32),
    ]
    assert (found.strategy, found.seed, found.share_corrected) == ("adaptation", 7, 0.25)
    assert found.parameters == {"samples": 4, "tile": 256}
    assert found.date.isoformat() == "2025-01-02T03:04:05+00:00"
    assert found.versions["torch"] == "2.0"
    assert found.versions["numpy"] == np.__version__
    assert found.versions["napari-pseudolabel"]
    assert found.classes == CLASSES
    assert Placement.from_dict(found.placement) == placed(2)
    assert found.source.name == "sem_12"
    raw = json.loads(sidecar.read_text(encoding="utf-8"))
    assert raw["device"] == "cpu"
    assert raw["warnings"] == ["shift of 2 px"]


def test_sidecar_of_labels_without_a_history(tmp_path):
    labels, _ = export_grid(tmp_path / "a.png", provenance={})
    found = read_sidecar(labels)
    assert found.models == ()
    assert found.share_corrected is None
    assert found.date.tzinfo is not None


@pytest.mark.parametrize(
    "provenance",
    [{"share_corrected": 2}, {"seed": "seven"}, {"models": 3}, {"versions": 5}, {"extra": object()}],
)
def test_a_provenance_that_cannot_be_written_is_one_sentence(tmp_path, provenance):
    with pytest.raises(InputError) as caught:
        export_grid(tmp_path / "a.png", provenance=provenance)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "damaged or foreign"),
        ("[]", "damaged or foreign"),
        ('{"schema_version": 99}', "newer version"),
        ('{"schema_version": 1, "seed": "x"}', "seed"),
    ],
)
def test_foreign_sidecars_are_one_sentence(tmp_path, content, message):
    (tmp_path / "a.provenance.json").write_text(content)
    with pytest.raises(InputError, match=message):
        read_sidecar(tmp_path / "a.ome.tif")


def test_a_missing_sidecar_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"a\.provenance\.json cannot be read"):
        read_sidecar(tmp_path / "a.ome.tif")


@pytest.mark.parametrize(
    ("name", "labels", "arguments", "message"),
    [
        ("a.bmp", grid(20, 30), {}, r"no suffix we can write; end it with one of \.ome\.tif"),
        ("a", grid(20, 30), {}, "no suffix"),
        ("a.png", grid(20, 30), {"format": "bmp"}, "no format 'bmp'; choose ome-tiff or png"),
        ("a.png", grid(20, 30), {"format": "ome-tiff"}, "change one"),
        ("a.png", grid(4, 20, 30), {}, "export as OME-TIFF"),
        ("a.png", np.full((20, 30), 65536), {}, "up to 65535"),
        ("a.tif", np.zeros((20, 30)), {}, "must be integers"),
        ("a.tif", np.zeros((20, 30), bool), {}, "must be integers"),
        ("a.tif", np.full((20, 30), -1), {}, "negative"),
        ("a.tif", np.full((20, 30), 2**33), {}, "renumber"),
        ("a.tif", np.zeros((0, 30), int), {}, "no image"),
        ("a.tif", np.zeros(30, int), {}, "no image"),
        ("a.tif", np.zeros((1, 1, 1, 4, 4), int), {}, "two to four axes"),
        ("a.tif", grid(20, 30), {"placement": Placement.identity(3)}, "its placement has 3"),
        ("a.tif", grid(20, 30), {"confidence": np.zeros((20, 31))}, "same region"),
        ("missing/a.tif", grid(20, 30), {}, "does not exist; create it"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(tmp_path, name, labels, arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        export_grid(tmp_path / name, labels, **arguments)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_a_format_can_be_named_where_the_suffix_says_nothing(tmp_path):
    export_grid(tmp_path / "a.labels", format="png")
    np.testing.assert_array_equal(read(tmp_path / "a.labels").data, grid(20, 30))
    assert names(tmp_path) == ["a.labels", "a.provenance.json"]


def test_an_export_that_fails_leaves_the_former_one(tmp_path, monkeypatch):
    export_grid(tmp_path / "a.png", confidence=np.zeros((20, 30)))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    replace, count = os.replace, []

    def fail_at_the_second(source, target):
        count.append(target)
        if len(count) == 2:
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_at_the_second)
    with pytest.raises(InputError, match="nothing was changed"):
        export_grid(tmp_path / "a.png", grid(20, 30) + 1, confidence=np.ones((20, 30)))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_images_are_exported_with_their_provenance(tmp_path):
    image = np.random.default_rng(0).random((4, 20, 30)).astype(np.float32)
    written = export_image(tmp_path / "a.ome.tif", image, placement=placed(3), provenance=PROVENANCE)
    found = read(written[0])
    np.testing.assert_array_equal(found.data, image)
    assert found.placement == placed(3)
    assert read_sidecar(written[0]).seed == 7
    export_image(tmp_path / "b.png", image[0], placement=placed(2), provenance=PROVENANCE)
    np.testing.assert_allclose(
        np.asarray(read(tmp_path / "b.png").data) / 255, image[0], atol=0.5 / 255 + 1e-6
    )


def test_formats_describe_themselves():
    assert [one.name for one in formats()][:3] == ["ome-tiff", "png", "ome-zarr"]
    assert all(one.description and (one.suffixes or one.folder) for one in formats())
