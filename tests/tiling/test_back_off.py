"""Running out of memory leads to smaller plans, and is explained."""

import weakref
from dataclasses import replace

import pytest
import torch

from napari_pseudolabel.errors import Cancelled, DeviceError, InputError
from napari_pseudolabel.tiling import MemoryLimits, Plan, TileSettings, make_plan, pick_device, with_back_off
from napari_pseudolabel.tiling.back_off import is_out_of_memory

CPU = torch.device("cpu")
CUDA = torch.device("cuda", 0)  # only its name is used: the attempts below compute nothing
PLAN = Plan(tile=256, overlap=64, batch=8, device=CPU)


def fitting(pixels, tried=None, devices=("cpu", "cuda"), error=torch.OutOfMemoryError):
    """Make an attempt that has memory for so many pixels at once."""

    def attempt(plan):
        if tried is not None:
            tried.append((plan.batch, plan.tile, plan.device.type))
        if plan.batch * plan.tile**2 > pixels or plan.device.type not in devices:
            raise error("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return "done"

    return attempt


def test_what_fits_is_not_reduced():
    assert with_back_off(fitting(10**9), PLAN, "model") == ("done", PLAN)


def test_the_batch_is_halved_first_and_the_person_is_told():
    tried = []
    result, used = with_back_off(fitting(2 * 256**2, tried), PLAN, "model")
    assert result == "done"
    assert [batch for batch, _, _ in tried] == [8, 4, 2]
    assert used == replace(PLAN, batch=2, notes=used.notes)
    assert used.notes == ("Out of memory at batch 8, tile 256 on the CPU: used batch 2, tile 256.",)


def test_then_the_tile_in_multiples_of_the_stride():
    _, used = with_back_off(fitting(100**2), replace(PLAN, tile=224), "model", stride=32)
    assert (used.batch, used.tile) == (1, 64)
    assert used.overlap <= used.tile // 4


def test_then_the_cpu_with_the_tile_that_was_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    _, used = with_back_off(fitting(10**9, devices=("cpu",)), replace(PLAN, device=CUDA), "model")
    assert (used.batch, used.tile, used.device) == (1, 256, CPU)
    assert used.notes[-1].endswith("used batch 1, tile 256 on the CPU.")


def test_at_the_end_there_is_one_sentence():
    with pytest.raises(
        DeviceError, match=r"Out of memory even with single tiles of 64 pixels on the CPU; close"
    ):
        with_back_off(fitting(0), PLAN, "model")


def test_tiles_smaller_than_the_smallest_are_not_enlarged():
    tried = []
    with pytest.raises(DeviceError):
        with_back_off(fitting(0, tried), replace(PLAN, tile=32, overlap=8, batch=1), "model")
    assert tried == [(1, 32, "cpu")]


def test_limits_are_remembered_per_model_and_device():
    limits, tried = MemoryLimits(), []
    attempt = fitting(2 * 256**2, tried)
    with_back_off(attempt, PLAN, "model", limits=limits)
    tried.clear()
    _, used = with_back_off(attempt, PLAN, "model", limits=limits)
    assert [batch for batch, _, _ in tried] == [2]
    assert used.notes == ("Memory ran out before with this model: used batch 2, tile 256.",)
    tried.clear()
    with_back_off(attempt, PLAN, "another", limits=limits)
    assert [batch for batch, _, _ in tried] == [8, 4, 2]
    tried.clear()
    small = replace(PLAN, tile=128, overlap=32)
    assert with_back_off(attempt, small, "model", limits=limits)[1] == small  # 8 of these fit


def test_success_at_once_is_no_limit():
    limits = MemoryLimits()
    with_back_off(fitting(10**9), replace(PLAN, batch=1), "model", limits=limits)
    assert with_back_off(fitting(10**9), PLAN, "model", limits=limits)[1] == PLAN


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError("MPS backend out of memory (MPS allocated: 1.00 GB)"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_every_way_of_saying_out_of_memory_is_understood(error):
    assert is_out_of_memory(error)


def test_the_cpu_allocators_own_words_are_understood():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes do not match"), Cancelled(), ValueError("out of memory")]
)
def test_other_errors_pass_through_at_once(error):
    calls = []

    def attempt(plan):
        calls.append(plan)
        raise error

    with pytest.raises(type(error)):
        with_back_off(attempt, PLAN, "model")
    assert len(calls) == 1


def test_a_failed_attempt_is_forgotten_before_the_next():
    """Tensors of the failed attempt must be gone when the next one allocates."""
    held = []

    def attempt(plan):
        tensor = torch.zeros(3)
        assert all(reference() is None for reference in held)
        held.append(weakref.ref(tensor))
        if plan.batch > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return "done"

    assert with_back_off(attempt, PLAN, "model")[1].batch == 2


def test_plans_follow_the_model_unless_told_otherwise():
    plan = make_plan(TileSettings(device="cpu"), tile=256, stride=32)
    assert (plan.tile, plan.overlap, plan.batch, plan.device) == (256, 64, 1, CPU)
    plan = make_plan(TileSettings(tile=100, overlap=10, batch=3, device="cpu"), tile=256, stride=32)
    assert (plan.tile, plan.overlap, plan.batch) == (128, 10, 3)
    assert plan.notes == ("The model's tiles are multiples of 32 pixels: used 128, not 100.",)
    assert make_plan(TileSettings(device="cpu"), tile=256, overlap=128).overlap == 128


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"tile": 0}, "Tile must be 1 or more"), ({"overlap": -1}, "Overlap must be 0 or more"),
     ({"overlap": 200}, "use 0 to 128 pixels"), ({"batch": 0}, "Batch must be 1 or more")],
)  # fmt: skip
def test_impossible_settings_are_refused(settings, says):
    with pytest.raises(InputError, match=says):
        make_plan(TileSettings(device="cpu", **settings), tile=256)


def test_devices_are_picked_by_name(monkeypatch):
    assert pick_device("cpu") == CPU
    assert pick_device("auto").type in ("cpu", "cuda", "mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    assert pick_device("auto") == CUDA
    assert pick_device("cuda") == CUDA
    assert pick_device(" CUDA:1 ") == torch.device("cuda", 1)
    with pytest.raises(DeviceError, match="cuda:0 to cuda:1"):
        pick_device("cuda:2")


@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_a_missing_gpu_is_explained(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="CUDA is not available here"):
        pick_device(name)


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:-1", "", "cpu:0:1"])
def test_unknown_names_are_refused(name):
    with pytest.raises(DeviceError, match="is no device"):
        pick_device(name)
