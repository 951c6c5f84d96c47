"""Which files validate in which fold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.training_inputs import validation_files


def plane(name, value):
    return LabelledPlane(name, np.full((8, 8), value, np.float32), np.zeros((8, 8), np.uint8))


@given(
    contents=st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=3), min_size=1, max_size=9),
    folds=st.integers(1, 6),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 1000),
)
def test_no_file_and_no_copy_is_on_both_sides(contents, folds, share, seed):
    planes = [plane(f"file {i}", v) for i, values in enumerate(contents) for v in values]
    names = {one.name for one in planes}
    different = len({tuple(values) for values in contents})
    if different < max(folds, 2):
        with pytest.raises(InputError):
            validation_files(planes, folds=folds, share=share, seed=seed)
        return
    found = validation_files(planes, folds=folds, share=share, seed=seed)
    assert len(found) == folds
    assert found == validation_files(planes, folds=folds, share=share, seed=seed)
    for files in found:
        assert files
        assert files < names
        inside = {tuple(contents[int(name.split()[1])]) for name in files}
        outside = {tuple(contents[int(name.split()[1])]) for name in names - files}
        assert not inside & outside
    if folds > 1:
        assert sorted(name for files in found for name in files) == sorted(names)


def test_chosen_files_take_their_copies_along():
    planes = [plane("rat1_a", 1), plane("rat1_b", 2), plane("rat2_a", 3), plane("copy", 2)]
    (found,) = validation_files(planes, folds=1, share=0.5, seed=0, chosen=("rat1",))
    assert found == {"rat1_a", "rat1_b", "copy"}
