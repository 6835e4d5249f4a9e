"""Checkpoints one can trust: tensors in safetensors, one digest per file, renamed into place, the newest valid one wins."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from asap.io.atomic import write_bytes

_NAME = re.compile(r"step-(\d{8})\.safetensors")
KEEP = 2


def save_checkpoint(
    folder: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, average: dict[str, Tensor]
) -> Path:
    """Write model, optimiser moments and averaged weights after `step` steps; older files beyond the last two are removed."""
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average/{name}": value for name, value in average.items()}
    tensors |= {f"optimizer/{name}": value for name, value in optimizer_tensors(optimizer).items()}
    data = save({name: value.detach().clone().contiguous() for name, value in tensors.items()})
    path = folder / f"step-{step:08d}.safetensors"
    write_bytes(path, data)
    write_bytes(path.with_suffix(".json"), json.dumps({"step": step, "sha256": hashlib.sha256(data).hexdigest()}).encode())
    for old in _checkpoints(folder)[KEEP:]:
        old.unlink()
        old.with_suffix(".json").unlink(missing_ok=True)
    return path


def load_newest(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, average: dict[str, Tensor]) -> int:
    """Restore the newest checkpoint whose digest holds and return its step; 0 when there is none."""
    for path in _checkpoints(folder):
        tensors = _verified(path)
        if tensors is None:
            continue
        model.load_state_dict(_below(tensors, "model/"))
        average.update(_below(tensors, "average/"))
        restore_optimizer(optimizer, _below(tensors, "optimizer/"))
        return int(_NAME.fullmatch(path.name)[1])  # type: ignore[index]
    return 0


def newest_average(folder: Path) -> dict[str, Tensor]:
    """The averaged weights of the newest checkpoint whose digest holds. Raises ValueError when there is none."""
    for path in _checkpoints(folder):
        tensors = _verified(path)
        if tensors is not None:
            return _below(tensors, "average/")
    raise ValueError("there is no checkpoint in this folder")


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's moments and counters, named "index/key"."""
    states = optimizer.state_dict()["state"].items()
    return {f"{index}/{key}": torch.as_tensor(value) for index, state in states for key, value in state.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Inverse of `optimizer_tensors`, for an optimiser of the same parameters."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split("/")
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _checkpoints(folder: Path) -> list[Path]:
    return sorted((p for p in folder.glob("step-*.safetensors") if _NAME.fullmatch(p.name)), reverse=True)


def _verified(path: Path) -> dict[str, Tensor] | None:
    try:
        data = path.read_bytes()
        expected = json.loads(path.with_suffix(".json").read_text())["sha256"]
        return load(data) if hashlib.sha256(data).hexdigest() == expected else None
    except (OSError, ValueError, KeyError, SafetensorError):
        return None


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
