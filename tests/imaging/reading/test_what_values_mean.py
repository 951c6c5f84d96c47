"""What a file means by its values, levels and sizes, where it says so in a place that is easily overlooked."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Pillow

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats.format import FileContent
from napari_pseudolabel.formats.ome_tiff import OME_TIFF
from napari_pseudolabel.formats.ome_zarr import OME_ZARR
from napari_pseudolabel.imaging import Placement, read, read_labels
from napari_pseudolabel.imaging.reading import reading_tiff

LABELS = np.zeros((9, 8), np.uint8)
LABELS[2:4, 1:5], LABELS[6:, 6:] = 1, 2
UM = ("micrometer", "micrometer")


@pytest.mark.parametrize("in_memory", [True, False])
def test_signed_values_of_imagej_are_signed(tmp_path, monkeypatch, in_memory):
    """It stores them 32768 higher, so that background would be an object of that number."""
    if not in_memory:
        monkeypatch.setattr(reading_tiff, "_IN_MEMORY_BYTES", -1)
    path, calibration = tmp_path / "a.tif", "cf=0\nc0=-32768.0\nc1=1.0\nvunit=Gray Value\n"
    stored = LABELS.astype(np.uint16) + 2**15
    tifffile.imwrite(path, stored, description=f"ImageJ=1.54f\n{calibration}", metadata=None, byteorder=">")
    assert np.array_equal(read_labels(path).data, LABELS)
    assert np.array_equal(read(path).plane(), LABELS.astype(np.float32))
    tifffile.imwrite(path, stored - 5, description=f"ImageJ=1.54f\n{calibration}", metadata=None)
    assert read(path).plane().min() == -5
    # Any other calibration is one of physical values, which are not those that are stored.
    other = calibration.replace("-32768.0", "10.0")
    tifffile.imwrite(path, LABELS.astype(np.uint16), description=f"ImageJ=1.54f\n{other}", metadata=None)
    assert np.array_equal(read_labels(path).data, LABELS)


def test_the_finest_level_is_the_first_however_they_are_listed(tmp_path):
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    levels = []
    for number, step in enumerate((4, 1, 2)):
        group.create_array(str(number), data=np.ascontiguousarray(LABELS[::step, ::step]))
        scale = [{"type": "scale", "scale": [0.5 * step, 0.5 * step]}]
        levels.append({"path": str(number), "coordinateTransformations": scale})
    axes = [{"name": one, "type": "space", "unit": "micrometer"} for one in "yx"]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": levels}]
    for level, step in enumerate((1, 2, 4)):
        image = read(tmp_path / "a.zarr", level=level)
        assert np.array_equal(image.data[:], LABELS[::step, ::step])
        assert image.placement.scale == (0.5 * step, 0.5 * step)
        assert "not listed from the finest to the coarsest" in image.notes[0]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_what_lies_under_transparent_pixels_is_no_label(tmp_path, suffix):
    path, alpha = tmp_path / f"a.{suffix}", np.where(LABELS > 0, 255, 0).astype(np.uint8)

    def write(values):
        samples = np.dstack([values, alpha])
        if suffix == "png":
            Pillow.fromarray(samples, "LA").save(path)
        else:
            tifffile.imwrite(path, samples, photometric="minisblack", extrasamples=["unassalpha"])

    write(LABELS)
    assert np.array_equal(read_labels(path).data, LABELS)
    write(np.full_like(LABELS, 7))
    with pytest.raises(InputError, match=r"transparent on 80\.6% where a value is stored"):
        read_labels(path)
    assert "transparent on 80.6%" in read(path).notes[0]


@pytest.mark.parametrize("suffix", ["ome.tif", "ome.zarr"])
@pytest.mark.parametrize("known", [True, False])
def test_a_size_that_another_program_has_changed_counts(tmp_path, suffix, known):
    """What this package wrote beside it, which goes before all else, is that of another time."""
    path = tmp_path / f"a.{suffix}"
    units = UM if known else ("pixel", "pixel")
    placement = Placement((0.5, 0.5), (3.0, 4.0), units=units, axis_labels=("y", "x"))
    form = OME_TIFF if suffix == "ome.tif" else OME_ZARR
    form.write(path, FileContent("a", placement, LABELS, options=form.options))
    assert read_labels(path).placement == placement
    assert not read_labels(path).notes
    if suffix == "ome.tif":
        xml = tifffile.TiffFile(path).ome_metadata.replace('="0.5"', '="0.1"')
        new = "" if known else 'PhysicalSizeX="0.1" PhysicalSizeY="0.1" '
        tifffile.tiffcomment(path, xml.replace("<Pixels ", f"<Pixels {new}").encode())
    else:
        group = zarr.open_group(str(path))
        attributes = group.attrs.asdict()
        image = attributes["ome"]["multiscales"][0]
        image["axes"] = [{**axis, "unit": "micrometer"} for axis in image["axes"]]
        image["datasets"][0]["coordinateTransformations"][0]["scale"] = [0.1, 0.1]
        group.attrs.update(attributes)
    changed = read_labels(path)
    assert changed.placement.scale == (0.1, 0.1)
    assert changed.placement.units == UM
    assert any("is not what it was when the file was written" in note for note in changed.notes)


@pytest.mark.parametrize("form", [OME_TIFF, OME_ZARR])
def test_others_know_the_size_that_a_layer_has_in_the_world(tmp_path, form):
    """An affine of a layer, as of registered images, comes after its scale."""
    affine = np.diag([0.24, 0.24, 1.0])
    affine[0, 2] = 10
    placed = Placement((2.0, 1.0), (1.0, 0.0), affine=affine, units=UM, axis_labels=("y", "x"))
    path = tmp_path / f"a{form.suffix}"
    assert not form.write(path, FileContent("a", placed, LABELS, options=form.options))
    if form is OME_TIFF:
        pixels = tifffile.xml2dict(tifffile.TiffFile(path).ome_metadata)["OME"]["Image"]["Pixels"]
        assert [pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]] == pytest.approx([0.48, 0.24])
        with tifffile.TiffFile(path) as tif:  # per centimetre
            tags = [tif.pages[0].tags[f"{letter}Resolution"].value for letter in "YX"]
        assert [1e4 * below / above for above, below in tags] == pytest.approx([0.48, 0.24])
    else:
        image = zarr.open_group(str(path)).attrs["ome"]["multiscales"][0]
        scale, translation = image["datasets"][0]["coordinateTransformations"]
        assert scale["scale"] == pytest.approx([0.48, 0.24])
        assert translation["translation"] == pytest.approx([10.24, 0])
    assert read_labels(path).placement == placed
    mirrored = Placement((-1.0, 1.0), (0.0, 0.0), units=UM)
    (told,) = form.write(
        tmp_path / f"b{form.suffix}", FileContent("b", mirrored, LABELS, options=form.options)
    )
    assert "mirrored, turned or sheared" in told


@pytest.mark.parametrize(("seen", "told"), [(8, True), (9, False), (3, False)])
def test_the_banner_of_a_microscope_is_said(tmp_path, seen, told):
    header = f"[Scan]\nPixelWidth=2e-09\nPixelHeight=2e-09\n[Image]\nResolutionX=8\nResolutionY={seen}\n"
    tag = (34682, 2, 0, header.encode(), True)
    tifffile.imwrite(tmp_path / "a.tif", LABELS, metadata=None, extratags=[tag])
    image = read(tmp_path / "a.tif")
    assert image.placement.pixel_size_um() == pytest.approx(0.002)
    assert any("lowest 1 of 9 rows are the banner" in note for note in image.notes) == told
