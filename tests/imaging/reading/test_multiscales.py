"""OME-Zarr that is not described as the format asks for: one sentence that says what is wrong."""

import numpy as np
import pytest
import zarr

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import read

AXES = [{"name": one, "type": "space", "unit": "micrometer"} for one in "yx"]
SCALE = {"type": "scale", "scale": [0.5, 0.5]}


def written(tmp_path, *, shape=(4, 5), described=None, level=None, **fields):
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    group.create_array("0", data=np.arange(np.prod(shape), dtype="u1").reshape(shape))
    datasets = [{"path": "0", "coordinateTransformations": [SCALE], **(level or {})}]
    image = {"version": "0.4", "axes": AXES, "datasets": datasets, **fields}
    kept = {name: value for name, value in image.items() if value != "left out"}
    group.attrs["multiscales"] = [kept] if described is None else described
    return tmp_path / "a.zarr"


def transforms(*values):
    return {"coordinateTransformations": list(values)}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"level": transforms({"type": "scale", "scale": [1, 0.5, 0.5]})},
            "its scale has 3 numbers, but level 0 has 2 axes",
        ),
        (
            {"level": transforms(SCALE, {"type": "translation", "translation": [1]})},
            "its translation has 1 number",
        ),
        (transforms({"type": "scale", "scale": [0.5]}), "its scale has 1 number"),
        ({"level": transforms({"type": "scale"})}, "its scale is no list of numbers"),
        ({"level": transforms({"type": "scale", "path": "scales"})}, "its scale is no list of numbers"),
        ({"level": transforms({"scale": [1, 1]})}, "uses the transformation None"),
        ({"level": transforms({"type": "affine", "affine": [[1]]})}, "uses the transformation 'affine'"),
        ({"level": {"coordinateTransformations": SCALE}}, "its coordinateTransformations are no list"),
        ({"level": {"path": "7"}}, "names 7 as a level, which is not in it"),
        ({"level": {"path": None}}, "has no path"),
        ({"datasets": "left out"}, "lists no levels"),
        ({"datasets": []}, "lists no levels"),
        ({"datasets": {"path": "0"}}, "its datasets are no list"),
        ({"datasets": ["0"]}, "has no path"),
        ({"axes": "left out"}, "names no axes, as version 0.4 has to"),
        ({"axes": [{"type": "space"}, {"name": "x"}]}, "one of its axes has no name"),
        ({"axes": ["y", "y"]}, "the axes y, y; only t, c, z, y and x can be handled, each once"),
        ({"axes": ["z", "y", "x"]}, r"the axes z, y, x, but level 0 has 2; say what they are"),
        ({"axes": "left out", "version": "0.6"}, r"version 0\.6, which is not known here"),
        ({"described": {"version": "0.4"}}, "its multiscales are no list"),
        ({"described": ["0"]}, "one of its multiscales is no object"),
    ],
)
def test_what_is_wrong_with_an_ome_zarr_is_said(tmp_path, fields, told):
    path = written(tmp_path, **fields)
    with pytest.raises(InputError, match=told) as error:
        read(path)
    assert str(path) in str(error.value)
    assert "damaged" not in str(error.value)
    assert "zip()" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "axes", "told"),
    [
        ({"version": "0.6"}, "YX", "version 0.6, which is not known here; it was read like 0.5"),
        ({"shape": (3, 4, 5), "version": "0.2"}, "ZYX", "names no axes; they were taken for z, y, x"),
        ({"shape": (1, 1, 2, 4, 5), "version": "0.2"}, "TCZYX", None),
        ({"version": "0.1"}, "YX", None),
    ],
)
def test_what_was_assumed_of_an_ome_zarr_is_said(tmp_path, fields, axes, told):
    if fields["version"] != "0.6":
        fields = {**fields, "axes": "left out", "level": {"coordinateTransformations": []}}
    image = read(written(tmp_path, **fields))
    assert image.axes == axes
    assert any(told in note for note in image.notes) if told else not image.notes
