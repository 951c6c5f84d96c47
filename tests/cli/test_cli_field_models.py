"""Checkpoints from the field through the shell command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

FIELD = Path(__file__).parents[1] / "field"


def labels_of(cli, image, model, out, *more):
    made = cli("segment", image, out, "--segmenter", model, "--smallest-object", 0, *more)
    assert made.code == 0, made.err
    return np.asarray(tifffile.imread(out))


def test_an_nnunet_folder_sees_the_mean_of_the_whole_image(cli, tmp_path):
    """The network is a threshold at the z-score 0: right of the column where the ramp passes its mean."""
    folder = FIELD / "c02_nnunet"
    found = labels_of(cli, folder / "ramp.tif", folder / "thr__nnUNetPlans__2d", tmp_path / "out.ome.tif")
    ramp = tifffile.imread(folder / "ramp.tif")
    np.testing.assert_array_equal(found.reshape(ramp.shape), ramp > ramp.mean())
    assert [int(x) for x in np.unique(np.argwhere(np.diff(found.reshape(ramp.shape), axis=1))[:, 1])] == [
        2007
    ]


def test_three_colour_channels_come_from_a_picture(cli, tmp_path):
    """The network adds three colours up; the disc is that of the grey network on the grey picture."""
    folder = FIELD / "c19_torchscript"
    colour = labels_of(cli, folder / "disc_rgb.png", folder / "rgb.pt", tmp_path / "a.ome.tif")
    grey = labels_of(cli, folder / "disc.tif", folder / "full.pt", tmp_path / "b.ome.tif")
    assert np.count_nonzero(colour == 1) == 621
    np.testing.assert_array_equal(colour, grey)
    ran = cli("segment", folder / "disc.tif", tmp_path / "c.ome.tif", "--segmenter", folder / "rgb.pt")
    assert ran.code == 2
    assert "has 1 channel, but" in ran.err
    assert "takes 3" in ran.err
    assert not (tmp_path / "c.ome.tif").exists()
