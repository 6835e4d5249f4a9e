"""A fine-tuned UNETR over a whole volume: resampled as it was trained, window after window, back on the volume's own voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from asap import limits
from asap.errors import InputError, LimitError
from asap.inference.course import Course, Progress, Stage, no_progress
from asap.inference.learnt_labels import segmentation_of
from asap.inference.sliding_window import sliding_window, window_starts
from asap.models.load_unetr import LoadedUnetr, UnetrConfig
from asap.pause import Pause, no_pause
from asap.preprocess import GridConfig, to_network_grid
from asap.segmentation import Segmentation
from asap.volume import Volume

SOURCE = "unetr"
# Usual seconds on two cores of resampling and of one window; only their ratio matters, for the share that is reported.
RESAMPLE_S, WINDOW_S = 1.0, 0.5


def segment_whole(
    loaded: LoadedUnetr,
    volume: Volume,
    targets: Sequence[str] = (),
    *,
    progress: Progress = no_progress,
    between_blocks: Pause = no_pause,
) -> Segmentation:
    """Every label that is found, or those named, on the volume's own grid; labels do not overlap.

    progress: gets the stage and the share of the work done. between_blocks: called before each window; what it raises ends
    the work. Raises InputError for a label the network has not learnt, LimitError for a volume too large for it.
    """
    check_labels(loaded.config, targets)
    wanted = set(targets) or set(loaded.config.labels)
    config, grid = loaded.config, whole_grid(volume, loaded.config)
    if (1 + len(config.labels)) * int(np.prod(grid.shape)) > limits.MAX_UNETR_SCORES:
        raise LimitError("The volume is too large for these weights; cut it to the chest.")
    padded = tuple(max(n, w) for n, w in zip(grid.shape, config.window, strict=True))
    windows = len(window_starts(padded, config.window, config.overlap))  # type: ignore[arg-type]
    stages = (Stage("resampling", RESAMPLE_S, grid.shape[2]), Stage("segmenting", WINDOW_S * windows, windows))
    course = Course(stages, progress, between_blocks)
    course.begin_next()
    image, mapped = to_network_grid(volume, grid, pause=course.pause)
    course.begin_next()
    share_CHWD = shares(loaded, image, course.pause).numpy()
    course.finish()
    kept = [number for number, name in enumerate(config.labels, start=1) if name in wanted]
    chosen = np.concatenate([share_CHWD[:1], share_CHWD[kept]])
    return segmentation_of(volume, chosen, mapped.voxel_affine, [(n, config.labels[n - 1]) for n in kept], source=SOURCE)


def check_labels(config: UnetrConfig, targets: Sequence[str]) -> None:
    """InputError for a target the network has not learnt."""
    if not set(targets) <= set(config.labels):
        raise InputError(f"There is no target of this name; these weights know {', '.join(config.labels)}.")


@torch.inference_mode()
def shares(loaded: LoadedUnetr, image_11HWD: Tensor, pause: Pause = no_pause) -> Tensor:
    """Probability of each class at every voxel, [C, H, W, D]. pause: called before each window."""
    config = loaded.config
    logits = sliding_window(image_11HWD, config.window, loaded.network, overlap=config.overlap, pause=pause)
    return logits[0].softmax(dim=0)


def whole_grid(volume: Volume, config: UnetrConfig) -> GridConfig:
    """The volume's whole field of view at the network's spacing, sampled as published."""
    ras = volume.reoriented_to_ras()
    spacing_mm = config.encoder.spacing_mm
    h, w, d = (max(2, int(n * have / want + 1e-6)) for n, have, want in zip(ras.shape, ras.spacing_mm, spacing_mm, strict=True))
    return GridConfig(spacing_mm, (h, w, d), config.encoder.patch, config.hu_window, centre="image")
