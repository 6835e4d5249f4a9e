"""Bringing a CT of 512 x 512 x 300 to the server: in full, and resampled by the client to the model's voxels.

Prints seconds, bytes on the wire and their ratio, and how well the heatmaps of both agree.
Run: python -m tests.benchmarks.server_uploads      (needs ASAP_REFERENCE_DATA for the tokenizer)
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from asap.client import AsapClient, GroundAnswer, HeatmapBox
from asap.client.wire import pack_voxels
from tests.benchmarks.clinical_case import base_server, write_case

sys.path.append(str(Path(__file__).parents[2] / "AsapSlicerModule"))
from AsapSlicerLib.resample import resample_for_model

SENTENCES = ("The heart is enlarged.", "There is a nodule in the right upper lobe.", "The aorta is normal in calibre.")


def whole_map(box: HeatmapBox) -> np.ndarray:
    """Heat on the whole grid."""
    grid = np.zeros(box.grid_shape, dtype=np.float64)
    place = tuple(slice(first, first + size) for first, size in zip(box.grid_start, box.shape, strict=True))
    grid[place] = np.frombuffer(box.levels, dtype=np.uint8).reshape(box.shape) / 63 * box.peak
    return grid


def agreement(one: GroundAnswer, other: GroundAnswer) -> tuple[float, float]:
    """Lowest Pearson correlation of the maps and largest distance of the peaks, mm."""
    lowest, farthest = 1.0, 0.0
    for a, b in zip(one.sentences, other.sentences, strict=True):
        assert a.map is not None
        assert b.map is not None
        lowest = min(lowest, float(np.corrcoef(whole_map(a.map).ravel(), whole_map(b.map).ravel())[0, 1]))
        farthest = max(farthest, float(np.linalg.norm(np.subtract(a.peak_ras_mm or (), b.peak_ras_mm or ()))))
    return lowest, farthest


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        studies = Path(folder) / "studies"
        studies.mkdir()
        volume = write_case(studies, "case", 21)
        with base_server(Path(folder), studies) as server:
            client = AsapClient(server.url, server.token)
            spacing = client.info().models[0].spacing_mm
            rows = []
            start = time.perf_counter()
            small = resample_for_model(volume.hu, volume.affine, spacing)
            resampled_s = time.perf_counter() - start
            for name, voxels, shape, affine, before_s in (
                ("full resolution", memoryview(volume.hu.T).cast("B"), volume.shape, volume.affine, 0.0),
                ("model's voxels", small.bytes_fortran, small.voxels_ijk.shape, small.affine_ras_mm, resampled_s),
            ):
                start = time.perf_counter()
                packed_mb = len(pack_voxels(voxels, lambda _share: None)) / 1e6
                packed_s = time.perf_counter() - start
                start = time.perf_counter()
                study = client.open_study(voxels, shape, affine.tolist())
                sent_s = time.perf_counter() - start - packed_s
                rows.append((packed_mb, client.ground(study, sentences=SENTENCES)))
                print(
                    f"  {name:16} {' x '.join(map(str, shape)):16} resample {before_s:5.2f}  compress {packed_s:5.2f}"
                    f"  send {sent_s:5.2f} s   {packed_mb:6.1f} MB",
                    flush=True,
                )
            pearson, apart = agreement(rows[0][1], rows[1][1])
            print(f"  ratio {rows[0][0] / rows[1][0]:.1f}   (bar: at most 12 MB for grounding)")
            print(f"  heatmaps: Pearson >= {pearson:.4f} (bar .999), peaks within {apart:.2f} mm (bar 3)")
            client.close()


if __name__ == "__main__":
    main()
