"""Lets the PyPI build of torchvision be imported beside a torch without CUDA, which MONAI Label needs for two
picture functions, and transformers imports wherever it finds it.

That build registers operators only together with a CUDA torch; its import then asks for two that do not exist. Defining their
names is enough: nothing here computes them. Where torchvision works, nothing is done.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

_OPERATORS = ("nms", "qnms")
_definitions: list[torch.library.Library] = []


def guard_torchvision() -> None:
    """Define the missing operator names; call before torchvision is imported for the first time."""
    if _definitions or importlib.util.find_spec("torchvision") is None or _registers_itself():
        return
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in _OPERATORS:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    _definitions.append(library)  # the names live as long as this object


def _registers_itself() -> bool:
    """Whether torchvision's own library of operators loads beside this torch."""
    spec = importlib.util.find_spec("torchvision")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else None
    for path in sorted(folder.glob("_C*.so")) if folder else []:
        try:
            torch.ops.load_library(str(path))  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return hasattr(torch.ops.torchvision, "nms")
    return False
