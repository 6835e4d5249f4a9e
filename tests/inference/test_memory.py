"""Lack of memory is recognised as the libraries really report it, and the frugal path gives the same answers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from asap.errors import WeightsError
from asap.inference.memory import is_out_of_memory
from asap.models.config import EncoderConfig
from asap.models.mini_image import MiniConfig, MiniImageEncoder
from asap.models.vit import VisionTransformer

HUGE = 2**45
ALLOCATIONS: dict[str, Callable[[], object]] = {
    "torch": lambda: torch.empty(HUGE, dtype=torch.uint8),
    "numpy": lambda: np.empty(HUGE, dtype=np.uint8),
    "python": lambda: bytearray(HUGE),
    "operator": lambda: torch.zeros(1).expand(HUGE) * 2.0,
}


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_what_cannot_be_allocated_is_recognised(name: str) -> None:
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        ALLOCATIONS[name]()
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_what_a_gpu_reports_is_recognised(error: Exception) -> None:
    assert is_out_of_memory(error)


def test_other_faults_are_not_lack_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.zeros(2, 3) @ torch.zeros(2, 3)
    assert not is_out_of_memory(caught.value)
    assert not is_out_of_memory(WeightsError("The weights are damaged: out of memory is not the reason."))


@torch.inference_mode()
def test_the_transformer_in_pieces_gives_the_same_tokens() -> None:
    torch.manual_seed(1)
    model = VisionTransformer(EncoderConfig(width=48, depth=3, heads=4, patch=(4, 4, 4), grid=(7, 7, 7))).eval()
    volume = torch.rand(1, 1, *model.config.volume_shape) * 2 - 1
    whole = model(volume)
    for rows in (1, 50, 344, 1000):
        torch.testing.assert_close(model(volume, rows=rows), whole, rtol=0, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("grid", [(7, 5, 4), (4, 4, 4), (3, 2, 2)])
def test_the_embedded_model_in_pieces_gives_the_same_cells(grid: tuple[int, int, int]) -> None:
    torch.manual_seed(2)
    config = MiniConfig(grid=grid, stem_channels=8, cell_channels=16, width=48, depth=1)
    model = MiniImageEncoder(config).eval()
    volume = torch.rand(1, 1, *config.input_shape) * 2 - 1
    torch.testing.assert_close(model(volume, rows=20), model(volume), rtol=0, atol=1e-5)


def _most_memory(rows: int | None, answer: multiprocessing.Queue[int]) -> None:
    torch.set_num_threads(1)
    model = VisionTransformer(EncoderConfig(depth=1)).eval()
    volume = torch.rand(1, 1, *model.config.volume_shape) * 2 - 1
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is forgotten; ru_maxrss would still be the parent's
    before = _highest_kib()
    with torch.inference_mode():
        model(volume, rows=rows)
    answer.put(_highest_kib() - before)


def _highest_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


@pytest.mark.slow
def test_in_pieces_it_takes_less_memory() -> None:
    context = multiprocessing.get_context("spawn")
    used = []
    for rows in (None, 256):
        answer: multiprocessing.Queue[int] = context.Queue()
        child = context.Process(target=_most_memory, args=(rows, answer))
        child.start()
        used.append(answer.get(timeout=60))
        child.join(timeout=60)
    assert used[1] < 0.8 * used[0], f"{used} KiB"
