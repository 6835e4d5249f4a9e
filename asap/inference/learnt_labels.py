"""Labels a user taught a head of `asap-mini`: its weights, and what it draws on a case.

Axes: C classes, A B C cells, H W D voxels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asap.errors import WeightsError
from asap.inference.features import StudyFeatures
from asap.models.load import fill, frozen
from asap.models.segmentation_head import HeadConfig, SegmentationHead
from asap.models.weights import read_weights, write_weights
from asap.preprocess import GridConfig, to_network_grid
from asap.resample import in_stored_order, place
from asap.segment_types import label_type
from asap.segmentation import Segmentation, make_segment
from asap.volume import Affine, Volume, apply_affine

ARCHITECTURE = "asap-mini-labels"
MAX_LABELS = 64
SOURCE = "learnt from labels"


@dataclass(frozen=True, eq=False)
class LearntLabels:
    """A head in evaluation mode. labels: names of its outputs from 1; trunk_sha256: the weights whose features it reads."""

    head: SegmentationHead
    labels: tuple[str, ...]
    trunk_sha256: str
    weights_sha256: str

    def segment(self, volume: Volume, features: StudyFeatures, grid: GridConfig) -> Segmentation:
        """Every label that is found, on the volume's own grid; labels do not overlap. features: of this volume and trunk."""
        image, voxel_affine = network_image(volume.reoriented_to_ras(), features, grid)
        share_CHWD = self.shares(image, network_cells(features)).numpy()
        return segmentation_of(volume, share_CHWD, voxel_affine, tuple(enumerate(self.labels, start=1)), source=SOURCE)

    @torch.inference_mode()
    def shares(self, image_11HWD: Tensor, cells_CABC: Tensor) -> Tensor:
        """Probability of each class at the network's voxels, [C, H, W, D] float32."""
        logits: Tensor = self.head(image_11HWD, cells_CABC[None])
        return logits[0].float().softmax(dim=0)


def segmentation_of(
    volume: Volume, share_CHWD: NDArray[np.float32], voxel_affine: Affine, labels: Sequence[tuple[int, str]], *, source: str
) -> Segmentation:
    """Labels (from class 1 on) where their share, on another grid along the volume's RAS axes, exceeds a half.

    labels: number and name of each; the number is that of the model's own list, whatever part of it was asked for.
    """
    ras = volume.reoriented_to_ras()
    placed = place(share_CHWD.shape[1:], voxel_affine, ras.shape, ras.affine)
    if placed is None:
        return Segmentation(volume.shape, volume.affine, ())
    segments = []
    for row, (number, name) in enumerate(labels, start=1):
        mask, start = in_stored_order(placed.mask(share_CHWD[row]), placed.start_ijk, volume)
        segment = make_segment(volume, mask, label_type(name, number), source=source, name=name, start_ijk=start)
        segments += [] if segment is None else [segment]
    return Segmentation(volume.shape, volume.affine, tuple(segments))


def network_image(ras: Volume, features: StudyFeatures, grid: GridConfig) -> tuple[Tensor, Affine]:
    """The image [1, 1, H, W, D] the features were computed from, and its affine, of their volume in RAS order."""
    voxel_affine = features.windows[0].grid.voxel_affine
    middle = (np.asarray(grid.shape, dtype=np.float64) - 1) / 2
    image, _ = to_network_grid(ras, grid, centre_ras_mm=apply_affine(voxel_affine, middle))
    return image, voxel_affine


def network_cells(features: StudyFeatures) -> Tensor:
    """The trunk's features as a picture, [C, a, b, c]."""
    return features.windows[0].cells_NC.T.reshape(-1, *features.tokens).contiguous()


def uncertainty(share_CHWD: Tensor) -> float:
    """Mean entropy, as a share of its largest value, over the voxels that are not surely background; 0 where all are."""
    sure = share_CHWD[0] > 0.95
    if bool(sure.all()):
        return 0.0
    p = share_CHWD[:, ~sure].clamp_min(1e-6)
    return float(-(p * p.log()).sum(dim=0).mean() / np.log(len(p)))


def write_learnt(folder: Path, state: dict[str, Tensor], config: HeadConfig, labels: Sequence[str], trunk_sha256: str) -> str:
    """Write a head in bfloat16; returns the digest of its weights. Raises OutputError; what was there before is then intact."""
    tensors = {name: value.to(torch.bfloat16) for name, value in state.items()}
    settings = {"trunk_sha256": trunk_sha256, "head": asdict(config), "labels": list(labels)}
    manifest = write_weights(
        folder,
        tensors,
        name=folder.name,
        architecture=ARCHITECTURE,
        config=settings,
        source="fine-tuned on a user's labels",
        licence="that of the labels it was trained on",
    )
    return manifest.weights_sha256


def read_learnt(folder: Path) -> LearntLabels:
    """Raises WeightsError when the folder holds no such head, or a damaged one."""
    stored = read_weights(folder)
    config = stored.manifest.config
    if stored.manifest.architecture != ARCHITECTURE or set(config) != {"trunk_sha256", "head", "labels"}:
        raise WeightsError("These weights are no head that was taught labels.")
    labels = config["labels"]
    if not isinstance(labels, list) or not 0 < len(labels) <= MAX_LABELS or not all(isinstance(name, str) for name in labels):
        raise WeightsError("The head's list of labels cannot be read.")
    head = SegmentationHead(HeadConfig.from_json(config["head"]))
    fill(head, {name: value.float() for name, value in stored.tensors.items()})
    head.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return LearntLabels(
        frozen(head),
        tuple(labels),
        config["trunk_sha256"],
        stored.manifest.weights_sha256,
    )


def nearest_labels(
    labels: NDArray[np.int16], affine: Affine, shape: tuple[int, int, int], grid_affine: Affine
) -> NDArray[np.uint8]:
    """A label image sampled at the centres of another grid's voxels (nearest); 0 outside it. Any two orientations."""
    to_label = np.linalg.inv(affine) @ grid_affine
    out = np.zeros(shape, dtype=np.uint8)
    rows, columns = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    for k in range(shape[2]):  # a slice at a time: the coordinates of a whole grid take thirty times its memory
        points = np.stack([rows, columns, np.full_like(rows, k)], axis=-1).astype(np.float64)
        index = np.rint(apply_affine(to_label, points)).astype(np.int64)
        inside = ((index >= 0) & (index < labels.shape)).all(axis=-1)
        i, j, n = index[inside].T
        out[:, :, k][inside] = labels[i, j, n]
    return out
