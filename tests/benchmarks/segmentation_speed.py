"""Corrections by click and automatic organs on a 512 x 512 x 61 CT, `asap-mini`, in process.

Clicks: every one corrects the segment before it, at places drawn in and around the expert's tumour; from the click to the new
segment with its measurements on the CT's own voxels. Organs: lungs, heart and aorta of the encoded case, and the encoding; beside
them a 3-D U-Net of MONAI (16 to 128 channels, 4 outputs, float32) over the CT at 1.5 x 1.5 x 3 mm, in MONAI's sliding window of
96 x 96 x 48 voxels with an overlap of a quarter. Wall and processor seconds; on a busy machine read the ratio.
Run: python -m tests.benchmarks.segmentation_speed [--clicks 200]      (needs ASAP_REFERENCE_DATA)
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.networks.nets import UNet

from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.inference.load import load_engine
from asap.io.read import read_labels, read_volume
from asap.preprocess import GridConfig, to_network_grid
from asap.prompt import Prompt
from asap.volume import Volume, apply_affine

WARM_UP = 10
CLICKS_A_LESION = 8
AROUND_MM = 12.0
TARGETS = ("lungs", "heart", "aorta")
PEER_GRID = GridConfig(spacing_mm=(1.5, 1.5, 3.0), shape=(216, 216, 104), cell=(8, 8, 8))


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result, wall seconds and processor seconds of a call."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - processor


def click_seconds(engine: Engine, volume: Volume, features: StudyFeatures, places_mm: np.ndarray, count: int) -> np.ndarray:
    """[n, 2]: wall and processor seconds of each click; a new lesion is begun after every few."""
    rng, rows, prompt = np.random.default_rng(0), [], None
    for number in range(WARM_UP + count):
        r, a, s = (float(x) for x in places_mm[rng.integers(len(places_mm))] + rng.uniform(-1, 1, 3))
        if prompt is None or number % CLICKS_A_LESION == 0:
            prompt = Prompt(include=((r, a, s),))
        elif number % 3 == 0:
            r += float(rng.choice((-1, 1))) * AROUND_MM * 3
            prompt = replace(prompt, exclude=(*prompt.exclude, (r, a, s)))
        else:
            prompt = replace(prompt, include=(*prompt.include, (r, a, s)))
        asked = prompt
        segment, wall, processor = timed(lambda: engine.segment_prompted(volume, features, asked))  # noqa: B023
        prompt = replace(prompt, previous=segment)
        rows.append((wall, processor))
    return np.array(rows[WARM_UP:])


def peer(volume: Volume) -> torch.Tensor:
    """MONAI's network and sliding window over the resampled CT."""
    net = UNet(spatial_dims=3, in_channels=1, out_channels=4, channels=(16, 32, 64, 128), strides=(2, 2, 2)).eval()
    image, _ = to_network_grid(volume, PEER_GRID)
    with torch.inference_mode():
        return sliding_window_inference(image, (96, 96, 48), 1, net, overlap=0.25, mode="gaussian").argmax(dim=1)  # type: ignore[no-any-return]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=200)
    clicks = parser.parse_args().clicks
    folder = Path(os.environ["ASAP_REFERENCE_DATA"]) / "ct/lung2_tumour"
    engine, volume = load_engine("asap-mini"), read_volume(folder / "lung2_image.nrrd")
    labels, affine = read_labels(folder / "lung2_label.nrrd")
    places_mm = apply_affine(affine, np.argwhere(labels > 0).astype(np.float64))
    features, wall, processor = timed(lambda: engine.encode(volume))
    print(f"  encode                            {wall:7.2f} s   processor {processor:7.2f} s")
    times = 1000 * click_seconds(engine, volume, features, places_mm, clicks)
    for name, column in (("wall", times[:, 0]), ("processor", times[:, 1])):
        print(
            f"  click to segment, {name:10} p50 {np.median(column):7.0f} ms   p95 {np.percentile(column, 95):7.0f} ms  n {clicks}"
        )
    _, wall, processor = timed(lambda: engine.segment(volume, TARGETS))
    print(f"  lungs, heart, aorta, encoded case {wall:7.2f} s   processor {processor:7.2f} s")
    _, peer_wall, peer_processor = timed(lambda: peer(volume))
    print(f"  MONAI U-Net, sliding window       {peer_wall:7.2f} s   processor {peer_processor:7.2f} s")
    print(f"  ratio, processor seconds          {peer_processor / processor:7.1f}")


if __name__ == "__main__":
    main()
