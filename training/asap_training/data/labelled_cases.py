"""Cases with a user's labels on the embedded model's own grid, with the trunk's features; read once, then drawn in boxes.

One file a case, uncompressed. Axes: C channels, a b c cells of four voxels, H W D voxels of 3 mm.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from asap.errors import InputError
from asap.inference.engine import Engine
from asap.inference.learnt_labels import nearest_labels, network_cells, network_image
from asap.io.atomic import write_bytes
from asap.io.read import read_labels, read_volume
from asap.volume import Affine, Volume
from asap_training.data.case import name_digest
from asap_training.data.datasets.decathlon import ImageWithLabel

CELL = 4
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class LabelledCase:
    """hu [H, W, D] int16, cells [C, a, b, c], labels [H, W, D] uint8 or None. name: a digest of image, label and trunk.

    image: file name of the image, which is the same case's with another label or none.
    """

    name: str
    image: str
    hu: Tensor
    cells_CABC: Tensor
    labels: Tensor | None

    @property
    def image_11HWD(self) -> Tensor:
        """The whole image in [-1, 1]."""
        return self.hu.float()[None, None] / 1000


def prepare(engine: Engine, cases: Sequence[ImageWithLabel], folder: Path, say: Say) -> list[LabelledCase]:
    """Every case that can be used, from its file in `folder` where an earlier run left one.

    say: told the share done, and how many could not be used (not a chest, not readable, a label on another patient's voxels).
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept, refused = [], 0
    for number, case in enumerate(cases, start=1):
        try:
            kept.append(_prepared(engine, case, folder))
        except InputError:
            refused += 1
        say(f"preparing {number}/{len(cases)}")
    if refused:
        say(f"{refused} of {len(cases)} cases cannot be used: no readable chest CT, or a label that does not fit it")
    return kept


def _prepared(engine: Engine, case: ImageWithLabel, folder: Path) -> LabelledCase:
    try:
        states = [
            (str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in (case.image, case.label) if path is not None
        ]
    except OSError as error:
        raise InputError("A case's image or label is not there.") from error
    numbers = sorted((case.numbers or {}).items())
    name = name_digest(json.dumps([engine.grounder.weights_sha256, states, numbers]))
    path = folder / f"{name}.safetensors"
    if not path.exists():
        write_bytes(path, save(_tensors(engine, case)), "prepared case")
    try:
        with safe_open(path, framework="pt") as file:
            held = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        path.unlink(missing_ok=True)
        raise InputError("A prepared case was damaged and is made again by the next run.") from error
    return LabelledCase(name, case.image.name, held["hu"], held["cells"], held.get("labels"))


def _tensors(engine: Engine, case: ImageWithLabel) -> dict[str, Tensor]:
    volume = read_volume(case.image)
    if case.label is None:
        return case_tensors(engine, volume, None)
    labels, affine = read_labels(case.label)
    if case.numbers is not None:
        labels = _renumbered(labels, case.numbers)
    return case_tensors(engine, volume, (labels, affine))


def case_tensors(engine: Engine, volume: Volume, drawn: tuple[NDArray[np.int16], Affine] | None) -> dict[str, Tensor]:
    """hu, cells and, where there is a label image (i, j, k) with its affine, labels on the network's voxels.

    Raises InputError for what is no chest, and for labels that mark nothing of it.
    """
    features = engine.encode(volume)
    image, voxel_affine = network_image(volume.reoriented_to_ras(), features, engine.grounder.grid)
    tensors = {
        "hu": (image[0, 0] * 1000).round().to(torch.int16).contiguous(),
        "cells": network_cells(features).to(torch.bfloat16),
    }
    if drawn is not None:
        on_grid = nearest_labels(*drawn, engine.grounder.grid.shape, voxel_affine)
        if not on_grid.any():
            raise InputError("The label marks nothing in the image.")
        tensors["labels"] = torch.from_numpy(on_grid)
    return tensors


def _renumbered(labels: NDArray[np.int16], numbers: Mapping[int, int]) -> NDArray[np.int16]:
    """Each value replaced by what it means; values without a meaning are background."""
    out = np.zeros_like(labels)
    for value, meaning in numbers.items():
        out[labels == value] = meaning
    return out


def box_of(case: LabelledCase, rng: np.random.Generator, side: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """A random box: image [1, H, W, D], a little changed, cells [C, a, b, c], labels; two of three around a labelled voxel."""
    highest = np.array(case.hu.shape) - side
    wanted = rng.integers(0, highest + 1)
    if case.labels is not None and rng.random() < 2 / 3:
        present = case.labels.unique()
        value = int(present[present > 0][int(rng.integers(int((present > 0).sum())))])
        marked = (case.labels == value).nonzero()
        wanted = marked[int(rng.integers(len(marked)))].numpy() - rng.integers(side // 4, 3 * side // 4, 3)
    i, j, k = (int(x) for x in np.clip(np.rint(wanted / CELL) * CELL, 0, highest))
    a, b, c, n = i // CELL, j // CELL, k // CELL, side // CELL
    image = case.hu[i : i + side, j : j + side, k : k + side].float() / 1000
    image = image * float(rng.uniform(0.97, 1.03)) + float(rng.uniform(-0.015, 0.015))
    labels = None if case.labels is None else case.labels[i : i + side, j : j + side, k : k + side].long()
    return image.clamp(-1, 1)[None], case.cells_CABC[:, a : a + n, b : b + n, c : c + n].float(), labels
