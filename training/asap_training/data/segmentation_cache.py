"""Generated cases -> what the segmentation heads train from, on the embedded model's own grid, with the trunk's features.

One file a case, uncompressed. A folder belongs to one set of trunk weights: its record names their digest, and another trunk's
features are never mixed in. Only `trunk_features` knows how features come about.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from asap.errors import InputError
from asap.inference.grounder import Grounder
from asap.inference.lesions import heat_of
from asap.io.atomic import write_bytes
from asap.models.segmentation_head import LABELS_OUT
from asap.phantom.canvas import PlacedFinding
from asap.phantom.case import PhantomCase, generate_case, retold
from asap.phantom.case_files import FILE_NAME, load_case
from asap.phantom.labels import LABELS
from asap.preprocess import to_network_grid
from asap.volume import Volume, apply_affine
from asap_training.data.generated_cases import augmented, thorax_centre_ras_mm
from asap_training.pace import Pace

RECORD = "trunk.json"
# Findings that are one body each; diffuse textures and devices are no lesions to outline.
CLICKED = (
    "nodule", "calcified_nodule", "mass", "cavity", "consolidation", "ground_glass", "atelectasis", "pleural_effusion",
    "pneumothorax", "mediastinal_mass", "lymphadenopathy", "liver_lesion", "bulla",
)  # fmt: skip
SMALLEST_ML = 0.25


@dataclass(frozen=True, eq=False)
class CachedCase:
    """hu, labels: (112, 112, 112) int16 and uint8 (index into LABELS_OUT); cells_CN: [C, a, b, c]; lesions in order.

    regions: (n, 112, 112, 112) bool, one a lesion; concepts: theirs; heats: [n, a, b, c] where a sentence about it is true.
    """

    hu: Tensor
    labels: Tensor
    cells_CABC: Tensor
    regions: Tensor
    heats: Tensor
    concepts: tuple[str, ...]


def trunk_features(grounder: Grounder, image_11HWD: Tensor) -> Tensor:
    """What a head reads of the trunk: cell features [C, a, b, c], bfloat16."""
    a, b, c = grounder.grid.tokens
    return grounder.encode_image(image_11HWD).cells_NC.T.reshape(-1, a, b, c).contiguous()


def prepare(cases: Path, out: Path, grounder: Grounder) -> int:
    """Cache every case that is not there yet; returns how many are.

    Raises InputError where there are no cases, and where the folder belongs to another trunk.
    """
    _claim(out, grounder)
    folders = sorted(path.parent for path in cases.glob(f"case-*/{FILE_NAME}"))
    if not folders:
        raise InputError("There are no generated cases in this folder; run `asap-train generate` first.")
    pace = Pace(len(folders), "Encoding")
    for folder in folders:
        _write_once(out / f"{folder.name}.safetensors", partial(load_case, folder), grounder)
        pace.one_more()
    return len(list(out.glob("*.safetensors")))


def prepare_seeds(seeds: Sequence[int], out: Path, grounder: Grounder) -> list[Path]:
    """The same for cases generated here and now; their files, in order."""
    _claim(out, grounder)
    paths = [out / f"case-{seed:07d}.safetensors" for seed in seeds]
    for seed, path in zip(seeds, paths, strict=True):
        _write_once(path, partial(generate_case, seed), grounder)
    return paths


def _claim(out: Path, grounder: Grounder) -> None:
    out.mkdir(parents=True, exist_ok=True)
    record = {"trunk": grounder.weights_sha256}
    if (out / RECORD).exists() and json.loads((out / RECORD).read_text()) != record:
        raise InputError("This folder holds features of another trunk; name a new one.")
    write_bytes(out / RECORD, json.dumps(record).encode(), "record of the trunk")


def _write_once(path: Path, case: Callable[[], PhantomCase], grounder: Grounder) -> None:
    if not path.exists():
        tensors, concepts = _cached(case(), int(path.stem[-7:]), grounder)
        save_file(tensors, path.with_suffix(".part"), {"concepts": json.dumps(concepts)})
        path.with_suffix(".part").rename(path)


def read_cached(path: Path) -> CachedCase:
    """One case, mapped from its file."""
    with safe_open(path, framework="pt") as file:
        concepts = tuple(json.loads(file.metadata()["concepts"]))
        return CachedCase(
            **{f.name: file.get_tensor(f.name) for f in fields(CachedCase) if f.type == "Tensor"}, concepts=concepts
        )


def _cached(case: PhantomCase, seed: int, grounder: Grounder) -> tuple[dict[str, Tensor], list[str]]:
    rng = np.random.default_rng([seed, 6])
    volume = augmented(case.volume, rng)
    image, grid = to_network_grid(volume, grounder.grid, centre_ras_mm=thorax_centre_ras_mm(case))
    cells = trunk_features(grounder, image)
    start = _whole_voxels(case.volume, grid.voxel_affine)
    voxel_ml = abs(float(np.linalg.det(case.volume.affine[:3, :3]))) / 1000
    lesions = [f for f in case.findings if f.concept in CLICKED and f.region.sum() * voxel_ml >= SMALLEST_ML]
    regions = [_cropped(f.region, start, grounder.grid.shape) for f in lesions]
    lesions = [f for f, region in zip(lesions, regions, strict=True) if region.any()]
    regions = [region for region in regions if region.any()]
    shape = (0, *grounder.grid.shape)
    heats = heat_of(grounder, cells, [_sentence(case, f, rng) for f in lesions]) if lesions else torch.zeros(0, *cells.shape[1:])
    tensors = {
        "hu": (image[0, 0] * 1000).round().to(torch.int16).contiguous(),
        "labels": torch.from_numpy(_labels(case, start, grounder.grid.shape)),
        "cells_CABC": cells,
        "regions": torch.from_numpy(np.stack(regions) if regions else np.zeros(shape, dtype=np.bool_)),
        "heats": heats.to(torch.bfloat16).contiguous(),
    }
    return tensors, [f.concept for f in lesions]


def _sentence(case: PhantomCase, finding: PlacedFinding, rng: np.random.Generator) -> str:
    """A sentence of a telling that speaks of this finding, else its bare name."""
    number = next(n for n, other in enumerate(case.findings) if other is finding)
    told = [s.text for s in retold(case, rng).sentences if number in s.findings and s.assertion == "present"]
    return told[int(rng.integers(len(told)))] if told else f"There is {finding.concept.replace('_', ' ')}."


def _whole_voxels(volume: Volume, voxel_affine: NDArray[np.float64]) -> NDArray[np.int64]:
    """First voxel of the case under the grid's first: the generated grid and the network's share their voxels."""
    first = volume.voxel_from_world(apply_affine(voxel_affine, np.zeros(3)))
    if np.abs(first - np.rint(first)).max() > 1e-3:
        raise ValueError("generate cases at the model's spacing")
    return np.rint(first).astype(np.int64)


def _cropped(mask: NDArray[np.bool_], start: NDArray[np.int64], shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.ascontiguousarray(mask[tuple(slice(s, s + n) for s, n in zip(start.tolist(), shape, strict=True))])


def _labels(case: PhantomCase, start: NDArray[np.int64], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    labels = np.zeros(shape, dtype=np.uint8)
    for value, name in enumerate(LABELS_OUT):
        for part in ("heart", "pericardium") if name == "heart" else (name,):
            if part in LABELS and part in case.organs:
                labels[_cropped(case.organs[part], start, shape)] = value
    return labels
