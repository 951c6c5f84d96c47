"""Files of microscopes, with stand-ins for their libraries, as pylibCZIrw 6.1, nd2 0.12 and liffile 2026.2 are called."""

from __future__ import annotations

import sys
from collections import namedtuple
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import images_at, read
from napari_pseudolabel.imaging.reading.file_names import images_in, left_out
from napari_pseudolabel.imaging.reading.microscope import czi_file

STARTS = {"czi": b"ZISRAWFILE", "nd2": b"\xda\xce\xbe\n", "lif": b"\x70\0\0\0"}
LIBRARIES = {"czi": "pylibCZIrw", "nd2": "nd2", "lif": "liffile"}
STACK = np.random.default_rng(0).integers(0, 255, (3, 2, 20, 24), np.uint8)  # Z, C, Y, X
NAMES = ("DAPI", "GFP")


@pytest.fixture
def file(tmp_path):
    def written(kind):
        path = tmp_path / f"a.{kind}"
        path.write_bytes(STARTS[kind] + bytes(40_000))
        return path

    return written


@pytest.mark.parametrize("kind", STARTS)
def test_without_the_library_one_sentence_says_what_to_install(file, kind, monkeypatch):
    monkeypatch.setitem(sys.modules, LIBRARIES[kind], None)
    with pytest.raises(InputError, match=rf"a\.{kind} .*napari-pseudolabel\[bio\]"):
        read(file(kind))


# CZI ---------------------------------------------------------------------------------------------

Rectangle = namedtuple("Rectangle", "x y w h")


class FakeCzi:
    """Scenes beside each other; what `read` gives has a last axis of one value, or of blue, green and red."""

    def __init__(self, scenes=1, kinds=("Gray8", "Gray8"), extra=None, size="2e-07", planes=3):
        self.scenes, self.kinds, self.extra, self.size, self.planes = scenes, kinds, extra or {}, size, planes

    @property
    def raw_metadata(self):
        distances = "".join(f'<Distance Id="{a}"><Value>{self.size}</Value></Distance>' for a in "XY")
        channels = "".join(f'<Channel Name="{name}"/>' for name in NAMES[: len(self.kinds)])
        scenes = "".join(f'<Scene Index="{n}" Name="S{n}"/>' for n in range(self.scenes))
        return (
            f"<ImageDocument><Metadata><Scaling><Items>{distances}</Items></Scaling><Information><Image><Dimensions>"
            f"<Channels>{channels}</Channels><S><Scenes>{scenes}</Scenes></S></Dimensions></Image></Information>"
            "</Metadata></ImageDocument>"
        )

    @property
    def scenes_bounding_rectangle_no_pyramid(self):
        return {n: Rectangle(100 * n, 7, 24, 20) for n in range(self.scenes)} if self.scenes > 1 else {}

    total_bounding_rectangle_no_pyramid = Rectangle(0, 7, 24, 20)

    @property
    def total_bounding_box_no_pyramid(self):
        box = {"T": (0, 1), "Z": (0, self.planes), "C": (0, len(self.kinds)), **self.extra}
        return {**box, "X": (0, 24 + 100 * (self.scenes - 1)), "Y": (7, 27)}

    @property
    def pixel_types(self):
        return dict(enumerate(self.kinds))

    def read(self, roi=None, plane=None, scene=None):
        x, y, width, height = roi
        y, x = y - 7, x - 100 * (scene or 0)
        values = STACK[plane.get("Z", 0), plane.get("C", 0)] + (scene or 0)
        part = values[y : y + height, x : x + width]
        if self.kinds[0].startswith("Bgr"):
            return np.stack([part, part // 2, part // 3], axis=-1)
        return part[..., None]


@pytest.fixture
def czi(monkeypatch, file):
    def made(**kind):
        @contextmanager
        def open_czi(path):
            yield FakeCzi(**kind)

        package = ModuleType("pylibCZIrw")
        package.czi = SimpleNamespace(open_czi=open_czi)
        monkeypatch.setitem(sys.modules, "pylibCZIrw", package)
        return file("czi")

    return made


@pytest.mark.parametrize("lazy", [False, True])
def test_a_czi_has_its_pixels_size_and_channels(czi, lazy, monkeypatch):
    path = czi()
    if lazy:
        monkeypatch.setattr(czi_file, "IN_MEMORY_BYTES", 0)
        monkeypatch.setattr(czi_file, "_PIECE", 9)
    image = read(path)
    assert (image.axes, image.channel_names) == ("ZCYX", NAMES)
    assert isinstance(image.data, np.ndarray) is not lazy
    assert image.placement.pixel_size_um() == pytest.approx(0.2)
    np.testing.assert_array_equal(image.plane((1,), 1), STACK[1, 1])
    window = (slice(3, 19), slice(8, 22))
    np.testing.assert_array_equal(image.plane((2,), 0, window), STACK[2, 0][window])
    np.testing.assert_array_equal(np.asarray(image.data[..., ::3, 5::4]), STACK[..., ::3, 5::4])


def test_scenes_of_a_czi_are_asked_for(czi):
    path = czi(scenes=2, kinds=("Gray8",), planes=1)
    with pytest.raises(InputError, match=r"holds 2 images: 0 \(S0\), 1 \(S1\); say which: --position"):
        read(path)
    assert [one.name for one in images_at(path)] == [f"{path.stem}_S0", f"{path.stem}_S1"]
    np.testing.assert_array_equal(images_at(path)[1].read().plane(), STACK[0, 0] + 1)
    for position in (1, "1", "S1"):
        np.testing.assert_array_equal(read(path, position=position).plane(), STACK[0, 0] + 1)


def test_colours_of_a_czi_are_red_green_and_blue(czi):
    image = read(czi(kinds=("Bgr24",), planes=1))
    assert image.axes == "YXS"
    np.testing.assert_array_equal(image.plane(channel=2), STACK[0, 0])
    np.testing.assert_array_equal(image.plane(channel=0), STACK[0, 0] // 3)


def test_what_no_image_can_hold_is_refused(czi):
    with pytest.raises(InputError, match=r"the axes H \(5\)"):
        read(czi(extra={"H": (0, 5)}))
    with pytest.raises(InputError, match="types Bgr24, Gray8"):
        read(czi(kinds=("Bgr24", "Gray8")))
    with pytest.raises(InputError, match="level 2 does not exist"):
        read(czi(), level=2)


def test_a_size_of_zero_is_unknown(czi):
    assert read(czi(size="0")).placement.pixel_size_um() is None


# ND2 ---------------------------------------------------------------------------------------------


@pytest.fixture
def nd2(monkeypatch, file):
    import dask.array as da

    def made(sizes, voxel=(0.3, 0.3, 1.5)):
        data = np.random.default_rng(1).integers(0, 9, tuple(sizes.values()), np.uint16)

        class ND2File:
            def __init__(self, path):
                self.sizes, self.dtype = sizes, data.dtype
                point = [SimpleNamespace(name=f"well {n}") for n in range(sizes.get("P", 1))]
                self.experiment = [
                    SimpleNamespace(type="XYPosLoop", parameters=SimpleNamespace(points=point)),
                ][: "P" in sizes]
                channels = [SimpleNamespace(channel=SimpleNamespace(name=name)) for name in NAMES]
                self.metadata = SimpleNamespace(channels=channels)

            def __enter__(self):
                return self

            def __exit__(self, *how):
                return None

            def to_dask(self):
                return da.from_array(data)

            def voxel_size(self):
                return namedtuple("VoxelSize", "x y z")(*voxel)

        package = ModuleType("nd2")
        package.ND2File = ND2File
        monkeypatch.setitem(sys.modules, "nd2", package)
        return file("nd2"), data

    return made


def test_an_nd2_has_its_positions_size_and_channels(nd2):
    path, data = nd2({"T": 1, "P": 2, "Z": 3, "C": 2, "Y": 8, "X": 9})
    with pytest.raises(InputError, match=r"0 \(well 0\), 1 \(well 1\); say which"):
        read(path)
    image = read(path, position="well 1")
    assert (image.axes, image.channel_names) == ("ZCYX", NAMES)
    assert image.placement.scale == pytest.approx((1.5, 0.3, 0.3))
    np.testing.assert_array_equal(image.data, data[0, 1])


def test_an_nd2_that_was_never_calibrated_has_no_size(nd2):
    path, _ = nd2({"Y": 8, "X": 9}, voxel=(1.0, 1.0, 1.0))
    image = read(path)
    assert image.placement.pixel_size_um() is None
    assert "nobody calibrated" in image.notes[0]
    path, _ = nd2({"P": 2, "Y": 8, "X": 9}, voxel=(1.0, 1.0, 1.0))
    assert images_at(path)[1].read().notes[0].startswith(f"{path.stem}_well-1: its pixels")


# LIF ---------------------------------------------------------------------------------------------


@pytest.fixture
def lif(monkeypatch, file):
    def made(*names, dims="ZCYX", data=STACK):
        described = "".join(f'<ChannelDescription LUTName="{name}"/>' for name in NAMES)
        about = ElementTree.fromstring(
            "<Element><Data><Image><ImageDescription><Channels>"
            f"{described}</Channels></ImageDescription></Image></Data></Element>"
        )

        class LifFile:
            def __init__(self, path):
                self.images = [
                    SimpleNamespace(
                        name=name,
                        dims=tuple(dims),
                        sizes=dict(zip(dims, data.shape, strict=True)),
                        nbytes=data.nbytes,
                        asarray=lambda out=None, n=n: data + n,
                        coords={"X": np.linspace(0, 4e-7 * 23, 24), "Y": np.linspace(0, 4e-7 * 19, 20)},
                        xml_element=about,
                    )
                    for n, name in enumerate(names)
                ]

            def __enter__(self):
                return self

            def __exit__(self, *how):
                return None

        package = ModuleType("liffile")
        package.LifFile = LifFile
        monkeypatch.setitem(sys.modules, "liffile", package)
        return file("lif")

    return made


def test_a_lif_has_its_images_size_and_channels(lif):
    path = lif("first", "second")
    with pytest.raises(InputError, match=r"0 \(first\), 1 \(second\); say which"):
        read(path)
    assert [one.position for one in images_at(path)] == ["first", "second"]
    image = read(path, position="second")
    assert (image.axes, image.channel_names) == ("ZCYX", NAMES)
    assert image.placement.pixel_size_um() == pytest.approx(0.4)
    np.testing.assert_array_equal(image.plane((1,), 1), STACK[1, 1] + 1.0)


def test_tiles_that_were_not_merged_are_refused(lif):
    with pytest.raises(InputError, match="3 tiles of a scan that were not merged"):
        read(lif("one", dims="MCYX"))


# In folders and in the shell ----------------------------------------------------------------------


def test_microscope_files_count_where_a_folder_holds_nothing_else(file, tmp_path):
    path = file("czi")
    assert images_in(tmp_path) == [path]
    (tmp_path / "b.tif").touch()
    assert [one.name for one in images_in(tmp_path)] == ["b.tif"]
    assert "a.czi" in left_out(tmp_path)[0]


def test_the_shell_asks_which_channel_is_meant(czi):
    from napari_pseudolabel.exporting.targets import check_channel

    image = read(czi())
    with pytest.raises(InputError, match=r"2 channels: 0 \(DAPI\), 1 \(GFP\); say which by --channel"):
        check_channel(image, None)
    check_channel(image, 1)
