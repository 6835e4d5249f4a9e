"""The released code as the peer of our tables: its training step and its loader, run in a process of their own.

ASAP_RELEASED_CODE names a folder with the released repository (github.com/ToniChopp/ASAP), which is on no registry and never part
of this one. ASAP_RELEASED_PYTHON names a Python with what it needs (torch, timm 0.9.0, transformers 4.51.0, monai 0.8.1, nibabel,
pandas, tokenizers); by default the one that runs the table. Without the folder, or where it cannot run, the row says so.

This file is also what that process runs, and then imports nothing of ours.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

CODE, PYTHON = "ASAP_RELEASED_CODE", "ASAP_RELEASED_PYTHON"
POSITIONS, FINDINGS_TOKENS, SENTENCES, FULL_STOP = 512, 220, 14, 18


def released(*arguments: str) -> dict[str, float] | str:
    """What the peer measured, or why there is none."""
    folder = os.environ.get(CODE)
    if folder is None:
        return f"peer absent (set {CODE} to its folder)"
    command = [os.environ.get(PYTHON, sys.executable), __file__, *arguments, "--code", folder]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        return f"peer cannot run here ({(done.stderr.strip().splitlines() or ['no reason given'])[-1][:120]})"
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def prepare_imports(code: Path) -> None:
    """The released modules on the path, the debugger they import as an empty module, and no GPU asked for."""
    import torch

    sys.path.insert(0, str(code / "Pre-training-ASAP"))
    sys.modules["ipdb"] = types.ModuleType("ipdb")
    torch.Tensor.cuda = lambda tensor, *_, **__: tensor  # type: ignore[method-assign, assignment, misc]
    library = torch.library.Library("torchvision", "DEF")  # the PyPI build of torchvision beside a torch without CUDA
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    globals()["_kept"] = library


def step_batch(count: int) -> dict[str, Any]:
    """Noise, random words, random organs: of the sizes of our own table."""
    import torch

    generator = torch.Generator().manual_seed(3)
    ids = torch.zeros(count, POSITIONS, dtype=torch.long)
    ids[:, :280] = torch.randint(100, 30000, (count, 280), generator=generator)
    ends = torch.linspace(0, FINDINGS_TOKENS - 1, SENTENCES + 1).long()[1:]
    findings = ids.clone()
    findings[:, FINDINGS_TOKENS:] = 0
    findings[:, ends] = FULL_STOP
    sentences = torch.zeros(count, POSITIONS, dtype=torch.long)
    sentences[:, :FINDINGS_TOKENS] = 1 + torch.bucketize(torch.arange(FINDINGS_TOKENS), ends)
    masked = torch.where(torch.rand(ids.shape, generator=generator) < 0.75, torch.full_like(ids, 4), ids)
    return {
        "image": torch.rand(count, 1, 224, 224, 112, generator=generator) * 2 - 1,
        "mask": torch.randint(0, 9, (count, 1, 224, 224, 112), generator=generator).float(),
        "ids_f": findings,
        "attention_mask_f": (findings != 0).long(),
        "type_ids_f": torch.zeros_like(ids),
        "sentence_mask_f": sentences,
        "ids": ids,
        "attention_mask": (ids != 0).long(),
        "type_ids": torch.zeros_like(ids),
        "masked_ids": masked,
    }


def measure_step(count: int, repeats: int, threads: int) -> dict[str, float]:
    """One step of the released model: forward, backward, AdamW as its script makes it, float32."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = importlib.import_module("module.model_asap").asap().train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-6, betas=(0.9, 0.95))
    batch, best, worked = step_batch(count), float("inf"), float("inf")
    for _ in range(repeats + 1):
        began, used = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        sum(model(batch)).backward()
        optimizer.step()
        best, worked = min(best, time.perf_counter() - began), min(worked, time.process_time() - used)
    return {"seconds": best, "cpu_s": worked, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measure_loader(data: Path, samples: int) -> dict[str, float]:
    """Processor seconds of one sample of the released data set."""
    import torch

    torch.set_num_threads(1)
    names = ("max_caption_length", "spacing_x", "spacing_y", "spacing_z", "a_min", "a_max", "b_min", "b_max")
    values = dict(zip(names, (512, 1.0, 1.0, 1.0, -1000.0, 1000.0, -1.0, 1.0), strict=True))
    values |= {"roi_x": 224, "roi_y": 224, "roi_z": 112, "roi_scale": 0.8, "RandFlip_prob": 0.2, "RandShiftIntensity_prob": 0.1}
    settings = argparse.Namespace(data_path=str(data), dataset_path=str(data), **values)
    source = importlib.import_module("module.pretrain_datasets").ASAPDataset(settings)
    _ = source[0]
    used = time.process_time()
    for _ in range(samples):
        _ = source[0]
    return {"cpu_s": (time.process_time() - used) / samples}


def main() -> None:
    """Measure what is asked for and print it as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["step", "loader"])
    parser.add_argument("--code", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    prepare_imports(options.code)
    if options.what == "step":
        print(json.dumps(measure_step(options.batch, options.repeats, options.threads)))
    else:
        print(json.dumps(measure_loader(options.data, options.repeats)))


if __name__ == "__main__":
    main()
