"""What grounding reaches without learning: classical lung masks, HU ranges, and the usual place of every organ.

A model must beat this table to have learnt anything. It answers through the same engine and is scored by the same rules.
Places are shares of the lungs' bounding box along (right, anterior, superior), means over 30 generated cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from asap.inference.calibration import best_mean
from asap.inference.features import EncodedImage
from asap.inference.grounder import EncoderCost
from asap.lungs import LungMasks, segment_lungs
from asap.models.load import PROCESSOR
from asap.models.mini import MINI_GRID
from asap.pause import Pause, no_pause
from asap.preprocess import GridConfig
from asap.report import Sentence
from asap.volume import Volume, apply_affine

VOXEL_MM, CELL = 3.0, 4
HULL_MM = 24.0  # lesions at the pleura are not part of aerated lung: the lungs are closed over them
PLACE_MM = 20.0
PLACES: dict[str, tuple[float, float, float]] = {
    "heart": (0.41, 0.68, 0.42), "pericardium": (0.42, 0.67, 0.41), "coronary_arteries": (0.41, 0.68, 0.42),
    "aorta": (0.46, 0.46, 0.64), "artery": (0.46, 0.46, 0.64), "pulmonary_artery": (0.43, 0.66, 0.64),
    "vena_cava": (0.59, 0.52, 0.39), "trachea": (0.51, 0.47, 0.91), "airway": (0.51, 0.39, 0.81),
    "main_bronchi": (0.49, 0.35, 0.62), "esophagus": (0.47, 0.34, 0.54), "mediastinum": (0.47, 0.50, 0.54),
    "lymph_node": (0.47, 0.50, 0.54), "hilum": (0.49, 0.40, 0.58), "spine": (0.50, 0.16, 0.51), "vertebra": (0.50, 0.16, 0.51),
    "bone": (0.50, 0.16, 0.51), "rib": (0.49, 0.34, 0.39), "sternum": (0.50, 0.94, 0.64), "liver": (0.69, 0.63, 0.12),
    "spleen": (0.17, 0.36, 0.10), "stomach": (0.31, 0.64, 0.11), "diaphragm": (0.54, 0.60, 0.17), "thyroid": (0.49, 0.60, 1.03),
}  # fmt: skip
# Finding -> the map that stands for it; findings of other organs fall back on their organ's place.
MAP_OF_FINDING: dict[str, str] = {
    "nodule": "nodule", "calcified_nodule": "nodule", "cavity": "mass", "mass": "mass", "consolidation": "dense",
    "atelectasis": "dense", "pneumonia": "dense", "infiltration": "dense", "opacity": "dense", "ground_glass": "hazy",
    "mosaic_attenuation": "hazy", "fibrosis": "hazy", "septal_thickening": "hazy", "tree_in_bud": "hazy", "emphysema": "dark",
    "bulla": "dark", "pneumothorax": "dark", "bronchiectasis": "dark", "pleural_effusion": "fluid", "pleural_thickening": "fluid",
    "pleural_plaque": "fluid",
}  # fmt: skip
MAPS = ("lung", "nodule", "mass", "dense", "hazy", "dark", "fluid", *PLACES)
SIDES = ("left", "right")
HEIGHTS = {"upper_lobe": (0.5, 1.2), "middle_lobe": (0.25, 0.6), "lingula": (0.25, 0.6), "lower_lobe": (-0.2, 0.55)}
HEIGHT_NAMES = tuple(HEIGHTS)


class ClassicalBaseline:
    """A `Grounder` that has learnt nothing. Cells hold one number per map and the cell's place in the lungs' box."""

    name = "classical-baseline"
    weights_sha256 = "0" * 64
    grid: GridConfig = MINI_GRID
    calibration: Mapping[str, Any] | None = None
    cost = EncoderCost(pauses=1, seconds=1.0)
    device = PROCESSOR
    finding_head = None
    nodule_scorer = None

    def place(self, device: torch.device) -> None:
        """Nothing here is worth a GPU: it stays on the processor."""

    def encode_image(self, image_11HWD: Tensor, *, pause: Pause = no_pause, frugal: bool = False) -> EncodedImage:
        """Maps and places, [N, len(MAPS) + 3]; nothing here takes enough memory for `frugal` to matter."""
        hu = (image_11HWD[0, 0] * 1000.0).numpy()
        lungs = segment_lungs(Volume(hu, np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])))
        share = _share_of_lungs(lungs, hu.shape)
        maps = _maps(hu, lungs, share)
        pause()
        stacked = torch.from_numpy(np.stack([*(maps[name] for name in MAPS), *np.moveaxis(share, -1, 0)]).astype(np.float32))
        return EncodedImage(torch.nn.functional.avg_pool3d(stacked[None], CELL)[0].flatten(1).T.contiguous())

    def encode_sentences(self, sentences: Sequence[Sentence]) -> Tensor:
        """[S, 3]: number of the map, of the side and of the height, -1 where the sentence names none."""
        return torch.tensor([_row(sentence) for sentence in sentences], dtype=torch.float32)

    def match(self, rows_ST: Tensor, cells_NC: Tensor) -> Tensor:
        """The map's value where side and height agree, else a hundredth of it."""
        share_N3 = cells_NC[:, -3:]
        answers = []
        for map_number, side, height in rows_ST.to(torch.int64).tolist():
            allowed_N = torch.ones(len(cells_NC), dtype=torch.bool)
            if side >= 0:
                allowed_N &= (share_N3[:, 0] > 0.5) == (SIDES[side] == "right")
            if height >= 0:
                low, high = HEIGHTS[HEIGHT_NAMES[height]]
                allowed_N &= (share_N3[:, 2] > low) & (share_N3[:, 2] < high)
            answers.append(cells_NC[:, map_number] * torch.where(allowed_N, 1.0, 0.01))
        return torch.stack(answers)

    def heat(self, match_SN: Tensor) -> Tensor:
        """Share of the highest value."""
        return (match_SN / match_SN.amax(dim=1, keepdim=True).clamp_min(1e-6)).clamp(0.0, 1.0)

    def evidence(self, match_SN: Tensor) -> Tensor:
        """Mean of the best few cells; no confidence is made of it."""
        return best_mean(match_SN)


def _row(sentence: Sentence) -> tuple[int, int, int]:
    side = SIDES.index(sentence.laterality) if sentence.laterality in SIDES else -1
    height = next((HEIGHT_NAMES.index(key) for key in sentence.anatomy if key in HEIGHTS), -1)
    told = [finding for finding in sentence.findings if finding.assertion != "absent"]
    for finding in told:
        if finding.concept in MAP_OF_FINDING:
            return MAPS.index(MAP_OF_FINDING[finding.concept]), side, height
    places = [finding.anatomy for finding in told] + list(sentence.anatomy)
    place = next((key for key in places if key in PLACES), "lung")
    return MAPS.index(place), side if place == "lung" else -1, height


def _share_of_lungs(lungs: LungMasks, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Place of every voxel as a share of the lungs' bounding box, [H, W, D, 3]; of the whole image without lungs."""
    voxels = np.moveaxis(np.indices(shape), 0, -1) * VOXEL_MM
    boxes = [box for box in (lungs.bounding_box_ras("left"), lungs.bounding_box_ras("right")) if box is not None]
    if not boxes:
        return np.asarray(voxels / (np.array(shape) * VOXEL_MM))
    low, high = np.min([b[0] for b in boxes], axis=0), np.max([b[1] for b in boxes], axis=0)
    return np.asarray((voxels - low) / np.maximum(high - low, 1.0))


def _maps(hu: NDArray[np.float32], lungs: LungMasks, share: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    lung = _on_voxels(lungs.left | lungs.right, lungs, hu.shape)
    near = ndimage.distance_transform_edt(~lung, sampling=VOXEL_MM) <= HULL_MM
    hull = ndimage.distance_transform_edt(near, sampling=VOXEL_MM) > HULL_MM
    dense = np.clip((hu + 500.0) / 400.0, 0.0, 1.0) * hull
    fine, middle, wide = (_smooth(dense, mm) for mm in (4.0, 10.0, 24.0))
    fluid = _smooth(((hu > -20) & (hu < 70) & hull).astype(float), 8.0)
    low_and_behind = np.clip(1.2 - share[..., 2], 0.0, 1.0) * np.clip(1.2 - share[..., 1], 0.0, 1.0)
    box_mm = np.ptp(share.reshape(-1, 3), axis=0)
    size_mm = np.array(hu.shape) * VOXEL_MM / np.maximum(box_mm, 1e-6)  # of the lungs' bounding box
    places = {
        name: np.exp(-0.5 * ((((share - np.array(place)) * size_mm) / PLACE_MM) ** 2).sum(axis=-1))
        for name, place in PLACES.items()
    }
    return {
        "lung": _smooth(lung.astype(float), 12.0),
        "nodule": np.maximum(fine - middle, 0.0),
        "mass": np.maximum(middle - wide, 0.0),
        "dense": middle,
        "hazy": _smooth(((hu > -800) & (hu < -350) & lung).astype(float), 8.0),
        "dark": _smooth(((hu < -950) & hull).astype(float), 8.0),
        "fluid": fluid * low_and_behind,
        **places,
    }


def _smooth(values: NDArray[np.float64], sigma_mm: float) -> NDArray[np.float64]:
    return np.asarray(ndimage.gaussian_filter(values, sigma_mm / VOXEL_MM))


def _on_voxels(mask: NDArray[np.bool_], lungs: LungMasks, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask of the coarse grid at every voxel, by its nearest cell."""
    to_cell = np.linalg.inv(lungs.affine)
    axes = []
    for axis, count in enumerate(shape):
        points = np.zeros((count, 3))
        points[:, axis] = np.arange(count) * VOXEL_MM
        index = np.rint(apply_affine(to_cell, points)[:, axis]).astype(np.int64)
        axes.append(np.clip(index, 0, mask.shape[axis] - 1))
    return np.asarray(mask[np.ix_(*axes)])
