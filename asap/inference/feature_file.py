"""An encoded case <-> the bytes of its safetensors file, with a checksum over all of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from asap import limits
from asap.inference.features import ShiftedCells, StudyFeatures, Triple
from asap.lungs import LungMasks
from asap.preprocess import GridMap

FORMAT = "asap features 2"
UNSEALED = "seal:" + "0" * 64
MASKS = ("left", "right", "airway", "body")
MAX_JSON_BYTES = 2**20


class DamagedFeaturesError(Exception):
    """The bytes are not an encoded case, or not the one asked for. Never reaches a user: the case is encoded again."""


def features_to_bytes(features: StudyFeatures, settings: str) -> bytes:
    """The file of a case; the same case gives the same bytes."""
    lungs = features.lungs
    record = {
        "seal": UNSEALED,
        "format": FORMAT,
        "settings": settings,
        "identity": features.identity,
        "ras_affine": features.ras_affine.tolist(),
        "ras_shape": list(features.ras_shape),
        "weights_sha256": features.weights_sha256,
        "tokens": list(features.tokens),
        "windows": [
            {"shift": list(w.shift), "voxel_affine": w.grid.voxel_affine.tolist(), "token_affine": w.grid.token_affine.tolist()}
            for w in features.windows
        ],
        "lungs": {"shape": list(lungs.left.shape), "affine": lungs.affine.tolist(), "midline": lungs.midline},
    }
    tensors = {name: _bits(getattr(lungs, name)) for name in MASKS}
    for number, window in enumerate(features.windows):
        tensors[f"cells_{number}"] = window.cells_NC.contiguous()
        tensors[f"inside_{number}"] = _bits(window.grid.inside)
        for name, kept in (("calcium", window.calcium_NK), ("nodules", window.nodules_NK)):
            if kept is not None:
                tensors[f"{name}_{number}"] = kept.contiguous()
    if features.correction_NK is not None:
        tensors["found"] = features.correction_NK.contiguous()
    # One entry only: safetensors writes several in an order that changes.
    data = bytes(save(tensors, {"record": json.dumps(record)}))
    # The digest takes the place of as many zeros, so that it covers the header and the tensors alike.
    return data.replace(UNSEALED.encode(), _seal(data).encode(), 1)


def features_from_bytes(data: bytes, settings: str) -> StudyFeatures:
    """Inverse of `features_to_bytes`, bit for bit. DamagedFeaturesError for anything but an intact file of these settings."""
    try:
        record = _checked_record(data)
        if (record["format"], record["settings"]) != (FORMAT, settings):
            raise DamagedFeaturesError
        return _features(record, load(data))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, SafetensorError) as error:
        raise DamagedFeaturesError from error


def _checked_record(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= MAX_JSON_BYTES or len(data) > limits.MAX_FEATURE_FILE_BYTES:
        raise DamagedFeaturesError
    record: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["record"])
    seal = record["seal"]
    if len(seal) != len(UNSEALED) or _seal(data.replace(seal.encode(), UNSEALED.encode(), 1)) != seal:
        raise DamagedFeaturesError
    return record


def _seal(unsealed: bytes) -> str:
    return f"seal:{hashlib.sha256(unsealed).hexdigest()}"


def _features(record: dict[str, Any], tensors: dict[str, Tensor]) -> StudyFeatures:
    tokens = _triple(record["tokens"])
    windows = []
    for number, entry in enumerate(record["windows"]):
        grid = GridMap(
            np.array(entry["voxel_affine"]), np.array(entry["token_affine"]), _mask(tensors[f"inside_{number}"], tokens)
        )
        cells_NC, *measured = tensors[f"cells_{number}"], tensors.get(f"calcium_{number}"), tensors.get(f"nodules_{number}")
        if not all(_per_cell(tensor, grid) for tensor in (cells_NC, *measured) if tensor is not None):
            raise DamagedFeaturesError
        windows.append(ShiftedCells(_triple(entry["shift"]), cells_NC, grid, *measured))
    lungs = record["lungs"]
    left, right, airway, body = (_mask(tensors[name], _triple(lungs["shape"])) for name in MASKS)
    correction_NK = tensors.get("found")
    if correction_NK is not None and not _per_cell(correction_NK, windows[0].grid):
        raise DamagedFeaturesError
    masks = LungMasks(left, right, airway, body, np.array(lungs["affine"]), lungs["midline"])
    return StudyFeatures(
        record["identity"],
        np.array(record["ras_affine"]),
        _triple(record["ras_shape"]),
        record["weights_sha256"],
        tokens,
        tuple(windows),
        masks,
        correction_NK,
    )


def _per_cell(tensor: Tensor, grid: GridMap) -> bool:
    """Whether a tensor has a row for each cell of a grid."""
    return tensor.dim() == 2 and tensor.shape[0] == grid.inside.size


def _bits(mask: NDArray[np.bool_]) -> Tensor:
    return torch.from_numpy(np.packbits(mask))


def _mask(bits: Tensor, shape: Triple) -> NDArray[np.bool_]:
    return np.unpackbits(bits.numpy(), count=int(np.prod(shape))).reshape(shape).astype(np.bool_)


def _triple(values: list[int]) -> Triple:
    a, b, c = (int(n) for n in values)
    return a, b, c
