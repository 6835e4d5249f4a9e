"""Checkpoints of pre-training runs: a folder that appears whole, every part with its digest, the newest whole one wins.

run-00001200/ holds state.json (progress and digests, itself digested), model-*.safetensors and optimizer-*.safetensors. It is
written under another name, made durable, and renamed; a run that dies while saving leaves the checkpoint before.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from asap.errors import OutputError
from asap_training.loop.checkpoint import optimizer_tensors, restore_optimizer

KEEP = 2
PART_BYTES = 2**29  # one part at a time is held in memory twice
STATE_NAME = "state.json"
_NAME = re.compile(r"run-(\d{8})")
_PARTIAL = ".partial"


@dataclass(frozen=True)
class Progress:
    """Where a run is. samples: read by all ranks together, which is the sampler's position. scaler: of float16's loss."""

    step: int = 0
    samples: int = 0
    world: int = 1
    skipped: int = 0
    skipped_in_a_row: int = 0
    scaler: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Resumed:
    """progress: of the checkpoint that was loaded. damaged: names of newer ones that were passed over."""

    progress: Progress
    damaged: tuple[str, ...]


def save_run(folder: Path, progress: Progress, model: nn.Module, optimizer: torch.optim.Optimizer) -> Path:
    """Write a checkpoint; those before the last two go. OutputError when it cannot be written: the one before is then intact."""
    final = folder / f"run-{progress.step:08d}"
    partial = folder / f".{final.name}-{secrets.token_hex(4)}{_PARTIAL}"
    needed = 0
    try:
        partial.mkdir()
        digests = {}
        for name, data in _parts(model, optimizer):
            needed += len(data)
            _write_durably(partial / name, data)
            digests[name] = hashlib.sha256(data).hexdigest()
        body = json.dumps({"progress": asdict(progress), "parts": digests}, sort_keys=True)
        whole = {"body": body, "sha256": hashlib.sha256(body.encode()).hexdigest()}
        _write_durably(partial / STATE_NAME, json.dumps(whole).encode())
        _sync(partial)
        if final.exists():  # a run resumes from the newest whole checkpoint, so what stands here is a damaged one
            shutil.rmtree(final)
        partial.rename(final)
        _sync(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        reason = error.strerror or "the system refused"
        raise OutputError(
            f"The checkpoint could not be written ({reason}) after {needed} bytes; the one before it is intact."
        ) from error
    for old in _checkpoints(folder)[KEEP:]:
        shutil.rmtree(old)
    return final


def load_run(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Resumed:
    """Restore the newest whole checkpoint; step 0 when there is none."""
    damaged = []
    for path in _checkpoints(folder):
        found = _verified(path)
        if found is None:
            damaged.append(path.name)
            continue
        progress, tensors = found
        model.load_state_dict({k.removeprefix("model/"): v for k, v in tensors.items() if k.startswith("model/")})
        restore_optimizer(optimizer, {k.removeprefix("optimizer/"): v for k, v in tensors.items() if k.startswith("optimizer/")})
        return Resumed(progress, tuple(damaged))
    return Resumed(Progress(), tuple(damaged))


def trained_weights(folder: Path) -> dict[str, Tensor]:
    """The model's state in the newest whole checkpoint. ValueError when there is none."""
    for path in _checkpoints(folder):
        found = _verified(path)
        if found is not None:
            return {k.removeprefix("model/"): v for k, v in found[1].items() if k.startswith("model/")}
    raise ValueError("there is no checkpoint in this folder")


def clear_partial(folder: Path) -> None:
    """Remove what a run that died while saving left behind."""
    for path in folder.glob(f".run-*{_PARTIAL}"):
        shutil.rmtree(path)


def _checkpoints(folder: Path) -> list[Path]:
    return sorted((p for p in folder.glob("run-*") if _NAME.fullmatch(p.name)), reverse=True)


def _parts(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, bytes]]:
    """Named files of at most PART_BYTES, or one tensor."""
    for kind, tensors in (("model", model.state_dict()), ("optimizer", optimizer_tensors(optimizer))):
        group: dict[str, Tensor] = {}
        number = 0
        for name, value in tensors.items():
            if group and sum(t.nbytes for t in group.values()) + value.nbytes > PART_BYTES:
                yield f"{kind}-{number:03d}.safetensors", save(group)
                group, number = {}, number + 1
            group[f"{kind}/{name}"] = value.detach().cpu().contiguous()
        if group:
            yield f"{kind}-{number:03d}.safetensors", save(group)


def _verified(path: Path) -> tuple[Progress, dict[str, Tensor]] | None:
    """Progress and tensors of a checkpoint, or None when anything about it is not as it was written."""
    try:
        whole = json.loads((path / STATE_NAME).read_bytes())
        if hashlib.sha256(whole["body"].encode()).hexdigest() != whole["sha256"]:
            return None
        body: dict[str, Any] = json.loads(whole["body"])
        tensors: dict[str, Tensor] = {}
        for name, digest in body["parts"].items():
            data = (path / name).read_bytes()
            if hashlib.sha256(data).hexdigest() != digest:
                return None
            tensors |= load(data)
        return Progress(**body["progress"]), tensors
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        return None


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
