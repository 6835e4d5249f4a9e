"""A frozen trunk's cells of named volumes, encoded once and kept: what fine-tuning on text reads instead of images."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from asap.errors import InputError
from asap.inference.engine import Engine
from asap.inference.writers import LARGEST_GRID, read_cells
from asap.io.read import read_volume


class ToldCells:
    """Cells [N, C] by the name of the volume. A folder holds those of one trunk apart from another's.

    volumes: where the images lie, in folders of any depth. grid: of the cells, as `asap.inference.writers` reads them.
    """

    def __init__(self, engine: Engine, volumes: Path, folder: Path) -> None:
        self._engine, self._volumes = engine, volumes
        self._folder = folder / engine.grounder.weights_sha256[:16]
        self._folder.mkdir(parents=True, exist_ok=True)
        a, b, c = engine.grounder.grid.tokens
        self.grid = (a // 2, b // 2, c // 2) if max(a, b, c) > LARGEST_GRID else (a, b, c)

    def __call__(self, name: str) -> Tensor:
        """Cells of one volume. Raises InputError when there is no such volume, or it is no chest CT."""
        path = self._folder / f"{Path(name).name}.safetensors"
        if not path.is_file():
            part = path.with_suffix(".part")
            save_file({"cells": self._encoded(name)}, part)
            part.replace(path)
        return load_file(path)["cells"]

    def _encoded(self, name: str) -> Tensor:
        found = next(self._volumes.rglob(Path(name).name), None)
        if found is None:
            raise InputError("A volume that is told about is not in the folder of volumes.")
        cells_NC, _ = read_cells(self._engine.encode(read_volume(found)))
        return cells_NC.to(torch.float16)
