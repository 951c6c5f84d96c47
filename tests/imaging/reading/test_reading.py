from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Pillow

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Placement, read
from napari_pseudolabel.imaging.reading import reading_tiff

RNG = np.random.default_rng(0)
SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def noise(*shape, dtype=np.uint8):
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype)


def check(image, data, axes):
    assert image.axes == axes
    np.testing.assert_array_equal(np.asarray(image.data), data)
    assert np.dtype(image.data.dtype) == data.dtype


# TIFF ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((20, 30), "YX"),
        ((5, 20, 30), "ZYX"),
        ((20, 30, 3), "YXS"),
        ((20, 30, 4), "YXS"),
        ((2, 5, 20, 30), "TZYX"),
    ],
)
@pytest.mark.parametrize("bigtiff", [False, True])
def test_plain_tiff(tmp_path, shape, axes, bigtiff):
    data = noise(*shape)
    photometric = "rgb" if axes.endswith("S") else "minisblack"
    if len(shape) < 4:
        tifffile.imwrite(tmp_path / "a.tif", data, photometric=photometric, bigtiff=bigtiff, metadata=None)
    else:
        tifffile.imwrite(tmp_path / "a.tif", data, photometric=photometric, bigtiff=bigtiff)
    image = read(tmp_path / "a.tif")
    check(image, data, axes) if axes != "TZYX" else check(image, data, "ZTYX")
    assert image.name == "a"
    assert image.path == str(tmp_path / "a.tif")
    assert image.placement.pixel_size_um() is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, bool, np.int32])
def test_tiff_of_every_type(tmp_path, dtype):
    data = (RNG.random((20, 30)) * 2).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", data)
    check(read(tmp_path / "a.tif"), data, "YX")


def test_ome_tiff_with_sizes_of_all_axes(tmp_path):
    data = noise(2, 3, 4, 20, 30, dtype=np.uint16)
    tifffile.imwrite(
        tmp_path / "cells.ome.tif",
        data,
        metadata={
            "axes": "TCZYX",
            "PhysicalSizeX": 90.5,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 0.0905,
            "PhysicalSizeZ": 0.5,
            "PhysicalSizeZUnit": "µm",
            "TimeIncrement": 250.0,
            "TimeIncrementUnit": "ms",
        },
    )
    image = read(tmp_path / "cells.ome.tif")
    check(image, data, "TCZYX")
    assert image.name == "cells"
    assert image.plane_axes == "TZYX"
    assert image.placement == Placement(
        (250.0, 0.5, 0.0905, 90.5),
        (0,) * 4,
        units=("millisecond", "micrometer", "micrometer", "nanometer"),
        axis_labels=("t", "z", "y", "x"),
    )
    assert image.placement.pixel_size_um() == pytest.approx(0.0905)


def test_ome_tiff_with_a_unit_napari_does_not_know(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        noise(20, 30),
        metadata={"axes": "YX", "PhysicalSizeX": 2.0, "PhysicalSizeXUnit": "reference frame"},
    )
    assert read(tmp_path / "a.ome.tif").placement.units == ("pixel", "pixel")


@pytest.mark.parametrize("unit", ["micron", "\\u00B5m", "um"])
def test_imagej_resolution_spacing_and_interval(tmp_path, unit):
    data = noise(3, 4, 20, 30, dtype=np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif",
        data,
        imagej=True,
        resolution=(4, 5),
        metadata={"axes": "TZYX", "unit": unit, "spacing": 2.0, "finterval": 0.5},
    )
    image = read(tmp_path / "a.tif")
    check(image, data, "TZYX")
    np.testing.assert_allclose(image.placement.scale, (0.5, 2, 0.2, 0.25))
    assert image.placement.units == ("second", "micrometer", "micrometer", "micrometer")


@pytest.mark.parametrize("unit", ["\\u00C5", "\\xc5", "\\u212B"])
def test_imagej_writes_the_letter_of_angstroms_as_an_escape(tmp_path, unit):
    tifffile.imwrite(
        tmp_path / "a.tif", noise(20, 30), imagej=True, resolution=(0.0004,) * 2, metadata={"unit": unit}
    )
    assert read(tmp_path / "a.tif").placement.pixel_size_um() == pytest.approx(0.25)


def test_imagej_without_a_unit_is_in_pixels(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", noise(3, 20, 30), imagej=True, resolution=(72, 72), metadata={"axes": "ZYX"}
    )
    assert read(tmp_path / "a.tif").placement == Placement.identity(3, "ZYX")


def test_planar_rgb_becomes_samples_last(tmp_path):
    data = noise(3, 20, 30)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", planarconfig="separate")
    check(read(tmp_path / "a.tif"), np.moveaxis(data, 0, -1), "YXS")


def write_pyramid(path, base, **metadata):
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(
            base, subifds=2, tile=(32, 32), metadata={"axes": "YX", **metadata}, photometric="minisblack"
        )
        tif.write(base[::2, ::2], subfiletype=1, tile=(32, 32))
        tif.write(base[::4, ::4], subfiletype=1, tile=(32, 32))


def test_levels_of_a_pyramid(tmp_path):
    base = noise(128, 256)
    size = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    write_pyramid(tmp_path / "a.ome.tif", base, **size)
    check(read(tmp_path / "a.ome.tif"), base, "YX")
    coarse = read(tmp_path / "a.ome.tif", level=2)
    check(coarse, base[::4, ::4], "YX")
    assert coarse.placement.scale == (2, 2)
    assert coarse.placement.translate == (0.75, 0.75)
    with pytest.raises(InputError, match="level 3 does not exist"):
        read(tmp_path / "a.ome.tif", level=3)


@pytest.mark.parametrize(("layout", "level"), [("pyramid", 0), ("pyramid", 1), ("stack", 0), ("planar", 0)])
def test_large_tiff_stays_on_disk(tmp_path, monkeypatch, layout, level):
    path = tmp_path / "a.ome.tif"
    if layout == "pyramid":
        write_pyramid(path, noise(128, 256))
    elif layout == "stack":
        tifffile.imwrite(path, noise(4, 64, 64), metadata={"axes": "TYX"}, compression="zlib")
    else:
        tifffile.imwrite(path, noise(3, 64, 64), photometric="rgb", planarconfig="separate")
    eager = read(path, level=level)
    monkeypatch.setattr(reading_tiff, "_IN_MEMORY_BYTES", 0)
    lazy = read(path, level=level)
    assert isinstance(eager.data, np.ndarray)
    assert not isinstance(lazy.data, np.ndarray)
    assert (lazy.axes, lazy.shape, lazy.placement) == (eager.axes, eager.shape, eager.placement)
    for index in lazy.planes():
        np.testing.assert_array_equal(lazy.plane(index), eager.plane(index))


# PNG and JPEG ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((9, 8), np.uint8), ((9, 8), np.uint16), ((9, 8, 3), np.uint8), ((9, 8, 3), np.uint16)],
)
def test_png(tmp_path, shape, dtype):
    data = noise(*shape, dtype=dtype)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(data))
    check(read(tmp_path / "a.png"), data, "YX" if data.ndim == 2 else "YXS")


def pillow_bytes(picture, kind, **options):
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1"])
def test_png_loses_alpha_and_palette(tmp_path, mode):
    picture = Pillow.fromarray(noise(9, 8, 3)).convert(mode)
    (tmp_path / "a.png").write_bytes(pillow_bytes(picture, "PNG"))
    expected = np.asarray(picture.convert("RGB" if mode in ("RGBA", "P") else "L"))
    check(read(tmp_path / "a.png"), expected, "YX" if expected.ndim == 2 else "YXS")


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(tmp_path, mode):
    picture = Pillow.fromarray(np.full((9, 8, 3), 77, np.uint8)).convert(mode)
    (tmp_path / "a.jpg").write_bytes(pillow_bytes(picture, "JPEG", quality=100))
    image = read(tmp_path / "a.jpg")
    assert image.axes == ("YX" if mode == "L" else "YXS")
    np.testing.assert_allclose(np.asarray(image.data), 77, atol=3)


# Zarr ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(("shape", "axes"), [((20, 30), "YX"), ((5, 20, 30), "ZYX"), ((20, 30, 3), "YXS")])
def test_zarr_array(tmp_path, shape, axes, version):
    data = noise(*shape)
    stored = zarr.create_array(
        tmp_path / "a.zarr", shape=shape, dtype="u1", chunks=shape, zarr_format=version
    )
    stored[:] = data
    image = read(tmp_path / "a.zarr")
    assert isinstance(image.data, zarr.Array)
    assert image.name == "a"
    check(image, data, axes)


def test_zarr_array_with_named_axes(tmp_path):
    named = zarr.create_array(
        tmp_path / "a.zarr", shape=(3, 4, 5), dtype="u1", dimension_names=["channel", "y", "x"]
    )
    named[:] = 1
    assert read(tmp_path / "a.zarr").axes == "CYX"
    xarray = zarr.create_array(tmp_path / "b.zarr", shape=(3, 4, 5), dtype="u1", zarr_format=2)
    xarray.attrs["_ARRAY_DIMENSIONS"] = ["time", "y", "x"]
    assert read(tmp_path / "b.zarr").axes == "TYX"


def test_zarr_group_of_one_array_or_several(tmp_path):
    group = zarr.create_group(tmp_path / "a.zarr")
    group.create_array("first", shape=(4, 5), dtype="u1")[:] = 3
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").plane(), np.full((4, 5), 3))
    group.create_array("second", shape=(4, 5), dtype="u1")
    with pytest.raises(InputError, match="holds first, second; give the path of one"):
        read(tmp_path / "a.zarr")
    assert read(tmp_path / "a.zarr" / "first").shape == (4, 5)


def write_ome_zarr(path, version, levels, axes, datasets, **multiscale):
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    for number, data in enumerate(levels):
        group.create_array(str(number), data=data)
    content = {"multiscales": [{"version": version, "axes": axes, "datasets": datasets, **multiscale}]}
    group.attrs.update({"ome": content} if version == "0.5" else content)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_levels_with_scale_translation_and_units(tmp_path, version):
    data = noise(2, 3, 16, 20, dtype=np.uint16)
    axes = [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "c", "type": "channel"},
        {"name": "y", "type": "space", "unit": "nanometer"},
        {"name": "x", "type": "space", "unit": "nanometer"},
    ]
    datasets = [
        {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 5, 5]}]},
        {
            "path": "1",
            "coordinateTransformations": [
                {"type": "scale", "scale": [1, 1, 10, 10]},
                {"type": "translation", "translation": [0, 0, 2.5, 2.5]},
            ],
        },
    ]
    whole = [
        {"type": "scale", "scale": [30, 1, 2, 2]},
        {"type": "translation", "translation": [0, 0, 100, 0]},
    ]
    levels = [data, data[..., ::2, ::2]]
    write_ome_zarr(tmp_path / "a.ome.zarr", version, levels, axes, datasets, coordinateTransformations=whole)
    image = read(tmp_path / "a.ome.zarr")
    check(image, data, "TCYX")
    assert image.name == "a"
    assert image.placement.scale == (30, 10, 10)
    assert image.placement.translate == (0, 100, 0)
    assert image.placement.units == ("second", "nanometer", "nanometer")
    assert image.placement.pixel_size_um() == pytest.approx(0.01)
    coarse = read(tmp_path / "a.ome.zarr", level=1)
    check(coarse, data[..., ::2, ::2], "TCYX")
    assert coarse.placement.scale == (30, 20, 20)
    assert coarse.placement.translate == (0, 105, 5)
    with pytest.raises(InputError, match="level 2 does not exist"):
        read(tmp_path / "a.ome.zarr", level=2)


@pytest.mark.parametrize(
    ("scale", "size", "told"),
    [
        ([0.2, 0.2], 0.2, ""),
        (["0,2", "0.2"], 0.2, ""),
        ([0.2, 0], 0.2, "along y only"),
        ([0, 0], None, "is no size"),
        ([None, None], None, "is no size"),
        ([-1, -1], None, "is no size"),
        ([1e30, 1e30], None, "cannot be the size of a pixel"),
    ],
)
def test_sizes_in_ome_zarr_that_cannot_be_are_left_out(tmp_path, scale, size, told):
    axes = [{"name": letter, "type": "space", "unit": "micrometer"} for letter in "yx"]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}]
    write_ome_zarr(tmp_path / "a.ome.zarr", "0.4", [noise(16, 20)], axes, datasets)
    image = read(tmp_path / "a.ome.zarr")
    assert image.placement.pixel_size_um() == (None if size is None else pytest.approx(size))
    assert told in " ".join(image.notes)
    assert bool(told) == bool(image.notes)
    assert image.placement.translate == (0, 0)


@pytest.mark.parametrize(
    ("transforms", "size", "told"),
    [
        ([], None, "units but no scale"),
        ([{"type": "translation", "translation": [5, 6]}], None, "units but no scale"),
        (
            [
                {"type": "scale", "scale": [0.2, 0.2]},
                {"type": "translation", "translation": [None, float("inf")]},
            ],
            0.2,
            "translation along y, x is no number",
        ),
    ],
)
def test_what_ome_zarr_leaves_open_is_said(tmp_path, transforms, size, told):
    axes = [{"name": letter, "type": "space", "unit": "micrometer"} for letter in "yx"]
    datasets = [{"path": "0", "coordinateTransformations": transforms}]
    write_ome_zarr(tmp_path / "a.ome.zarr", "0.4", [noise(16, 20)], axes, datasets)
    image = read(tmp_path / "a.ome.zarr")
    assert image.placement.pixel_size_um() == size
    assert image.placement.translate == (0, 0)
    assert told in " ".join(image.notes)


def test_ome_zarr_without_named_axes_is_tczyx(tmp_path):
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=2)
    group.create_array("0", shape=(1, 2, 1, 8, 9), dtype="u1")
    group.attrs["multiscales"] = [{"version": "0.1", "datasets": [{"path": "0"}]}]
    assert read(tmp_path / "a.zarr").axes == "TCZYX"


def test_ome_zarr_written_by_bioformats2raw(tmp_path):
    outer = zarr.create_group(tmp_path / "a.zarr", zarr_format=3)
    outer.attrs["ome"] = {"version": "0.5", "bioformats2raw.layout": 3}
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    write_ome_zarr(tmp_path / "a.zarr" / "0", "0.5", [noise(4, 5)], axes, [{"path": "0"}])
    assert read(tmp_path / "a.zarr").shape == (4, 5)


# Choices and mistakes --------------------------------------------------------------------------


def test_axes_can_be_said(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise(3, 20, 30), photometric="minisblack")
    assert read(tmp_path / "a.tif").axes == "ZYX"
    image = read(tmp_path / "a.tif", axes="cyx")
    assert (image.axes, image.channels, image.placement) == ("CYX", 3, Placement.identity(2, "YX"))
    with pytest.raises(InputError, match="do not fit"):
        read(tmp_path / "a.tif", axes="YX")


def test_content_decides_and_not_the_name(tmp_path):
    data = noise(9, 8)
    (tmp_path / "a.tif").write_bytes(imagecodecs.png_encode(data))
    check(read(tmp_path / "a.tif"), data, "YX")


def whole_files(folder):
    data = noise(64, 64)
    tifffile.imwrite(folder / "plain.tif", data)
    tifffile.imwrite(folder / "packed.ome.tif", data, compression="zlib")
    (folder / "a.png").write_bytes(imagecodecs.png_encode(data))
    (folder / "a.jpg").write_bytes(pillow_bytes(Pillow.fromarray(data), "JPEG"))
    return ["plain.tif", "packed.ome.tif", "a.png", "a.jpg"]


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_files_cut_short_are_one_sentence(tmp_path, part):
    for name in whole_files(tmp_path):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: int(len(content) * part)])
        with pytest.raises(InputError) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello", "not an image we can read"),
        (b"II*\0", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
    ],
)
def test_foreign_files_are_refused(tmp_path, content, message):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.tif")


def test_missing_files_and_foreign_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "nothing.tif")
    with pytest.raises(InputError, match="not a Zarr"):
        read(tmp_path)
    (tmp_path / "zarr.json").write_text("{")
    with pytest.raises(InputError, match="not a Zarr"):
        read(tmp_path)


def test_damaged_ome_zarr_is_one_sentence(tmp_path):
    write_ome_zarr(tmp_path / "a.zarr", "0.5", [noise(4, 5)], [{"name": "y"}, {"name": "x"}], [{"path": "7"}])
    with pytest.raises(InputError, match="damaged"):
        read(tmp_path / "a.zarr")
    write_ome_zarr(
        tmp_path / "b.zarr", "0.5", [noise(4, 5)], [{"name": "angle"}, {"name": "x"}], [{"path": "0"}]
    )
    with pytest.raises(InputError, match="only t, c, z, y and x"):
        read(tmp_path / "b.zarr")


def test_levels_of_files_without_levels(tmp_path):
    names = whole_files(tmp_path)
    zarr.create_array(tmp_path / "a.zarr", shape=(4, 5), dtype="u1")
    for name in [*names, "a.zarr"]:
        with pytest.raises(InputError, match="level 1 does not exist"):
            read(tmp_path / name, level=1)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data folder is missing")
@pytest.mark.parametrize(
    ("name", "axes", "shape"),
    [
        ("axon_bf_unlabelled/ROI_test.tif", "YXS", (6272, 6336)),
        ("nuclei_pgc_unlabelled/PGC_20X_full.tif", "YX", (2755, 3675)),
        ("nuclei_pgc_unlabelled/Tumor_HE_Stain_T76.png", "YXS", (1200, 1600)),
        ("axon_sem/images/sub-rat2_sample-data5.png", "YX", (954, 1280)),
    ],
)
def test_real_files(name, axes, shape):
    image = read(SHARED / name)
    assert (image.axes, image.shape) == (axes, shape)
    assert image.plane(window=(slice(100, 110), slice(200, 220))).std() > 0
