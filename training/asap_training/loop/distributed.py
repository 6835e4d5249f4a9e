"""The processes of one run: who they are, what they agree on, and a gather that gradients go back through.

Started by torchrun, which sets RANK, WORLD_SIZE and the address; started alone, a run is one process and none of this speaks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F

from asap.errors import InputError

SILENCE = timedelta(minutes=10)  # a rank that says nothing for so long is taken for dead; one that ends is noticed at once


@dataclass(frozen=True)
class Ranks:
    """rank of world processes, local on its machine; device: where this one computes."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process writes the log and the checkpoints."""
        return self.rank == 0


@contextmanager
def joined() -> Iterator[Ranks]:
    """Join the other processes, if any, and leave them at the end. InputError where torchrun could not start them again."""
    check_restarts()
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if world == 1:
        yield Ranks(0, 1, device)
        return
    dist.init_process_group("nccl" if cuda else "gloo", timeout=SILENCE)
    try:
        yield Ranks(rank, world, device)
        # Rank 0 keeps the store they meet at: who leaves after it may wait for an answer that does not come.
        wait_for_all()
    finally:
        dist.destroy_process_group()


def check_restarts() -> None:
    """InputError where torchrun is to start the processes again with the addresses of the dead ones in the store they meet at.

    It keeps one store for all starts unless told otherwise, where gloo finds the old addresses and is refused. Said at the
    beginning, because a run would otherwise only learn it when a process dies, perhaps days later.
    """
    restarts = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0"))
    if restarts > 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        raise InputError(
            "torchrun could not start this run again: set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in its environment, or leave out "
            "--max-restarts."
        )


def world_size() -> int:
    """Number of processes of this run."""
    return dist.get_world_size() if dist.is_initialized() else 1


class _Gather(torch.autograd.Function):
    """All ranks' rows one after the other; the gradient of a rank's rows is the sum of what all ranks ask of them."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.rows = len(rows)
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        start = dist.get_rank() * ctx.rows
        return total[start : start + ctx.rows]


def gathered(rows: Tensor) -> Tensor:
    """Rows of all ranks [world * R, ...], in order of rank. Every rank must bring the same number of rows.

    With every rank's loss the sum over its own rows, divided by the mean count per rank, averaging gradients over ranks (as
    DistributedDataParallel does) gives the gradient of one process that holds all rows.
    """
    return rows if world_size() == 1 else _Gather.apply(rows)  # type: ignore[no-untyped-call]


def padded_to_common(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors with zero rows up to the longest of any rank, ready to be gathered."""
    if world_size() == 1:
        return tensors
    longest = torch.tensor(len(tensors[0]), device=tensors[0].device)
    dist.all_reduce(longest, dist.ReduceOp.MAX)
    return tuple(F.pad(t, (0, 0) * (t.dim() - 1) + (0, int(longest) - len(t))) for t in tensors)


def own_rows(rows: Tensor) -> Tensor:
    """Where this rank's rows stand among the gathered ones."""
    first = dist.get_rank() * len(rows) if world_size() > 1 else 0
    return torch.arange(first, first + len(rows), device=rows.device)


def summed(values: Sequence[float], device: torch.device) -> list[float]:
    """Each number added over all ranks."""
    if world_size() == 1:
        return list(values)
    total = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(total)
    return [float(x) for x in total]


def any_rank(flag: bool, device: torch.device) -> bool:
    """Whether any rank says yes; all ranks get the same answer."""
    return summed([float(flag)], device)[0] > 0


def wait_for_all() -> None:
    """Return when every rank has come here."""
    if world_size() > 1:
        dist.barrier()
