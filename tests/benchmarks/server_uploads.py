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
from numpy.typing import NDArray

from asap.client import AsapClient, Progress
from asap.client.wire import pack_voxels
from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.text.read import read_sentence
from asap.volume import Volume
from tests.benchmarks.clinical_case import base_server, write_case

sys.path.append(str(Path(__file__).parents[2] / "AsapSlicerModule"))
from AsapSlicerLib.resample import resample_for_model

SENTENCES = ("The heart is enlarged.", "There is a nodule in the right upper lobe.", "The aorta is normal in calibre.")


def agreement(engine: Engine, volume: Volume) -> str:
    """Both ways of resampling, before anything is quantised for the wire: correlation of the heatmaps, distance of the peaks."""
    upload = resample_for_model(
        volume.hu, volume.affine, engine.grounder.grid.spacing_mm, antialias=engine.grounder.grid.antialias
    )
    asked = [read_sentence(sentence) for sentence in SENTENCES]
    small = Volume(np.asarray(upload.voxels_ijk), upload.affine_ras_mm)
    lowest, farthest = 1.0, 0.0
    for one, other in zip(*(engine.ground(engine.encode(seen), asked) for seen in (volume, small)), strict=True):
        assert one.heatmap is not None
        assert other.heatmap is not None
        lowest = min(lowest, float(np.corrcoef(one.heatmap.ravel(), other.heatmap.ravel())[0, 1]))
        farthest = max(farthest, float(np.linalg.norm(np.subtract(one.peak_ras_mm or (), other.peak_ras_mm or ()))))
    return f"Pearson >= {lowest:.4f} (bar .999), peaks within {farthest:.2f} mm (bar 3)"


def upload(
    client: AsapClient, voxels: memoryview, shape: tuple[int, ...], affine: NDArray[np.float64]
) -> tuple[str, float, float]:
    """The study, the seconds of compressing and those of sending."""
    moments = [time.perf_counter()]

    def tell(told: Progress) -> None:
        if told.stage == "sending":
            moments.append(time.perf_counter())

    study = client.open_study(voxels, shape, affine.tolist(), progress=tell)
    return study, moments[1] - moments[0], time.perf_counter() - moments[1]


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        studies = Path(folder) / "studies"
        studies.mkdir()
        volume = write_case(studies, "case", 21)
        with base_server(Path(folder), studies) as server:
            client = AsapClient(server.url, server.token)
            model = client.info().models[0]
            rows = []
            start = time.perf_counter()
            small = resample_for_model(volume.hu, volume.affine, model.spacing_mm, antialias=model.antialias)
            resampled_s = time.perf_counter() - start
            for name, voxels, shape, affine, before_s in (
                ("full resolution", memoryview(volume.hu.T).cast("B"), volume.shape, volume.affine, 0.0),
                ("model's voxels", small.bytes_fortran, small.voxels_ijk.shape, small.affine_ras_mm, resampled_s),
            ):
                packed_mb = len(pack_voxels(voxels)) / 1e6
                study, packed_s, sent_s = upload(client, voxels, shape, affine)
                rows.append(packed_mb)
                assert client.ground(study, sentences=SENTENCES).sentences[0].map is not None
                print(
                    f"  {name:16} {' x '.join(map(str, shape)):16} resample {before_s:5.2f}  compress {packed_s:5.2f}"
                    f"  send {sent_s:5.2f} s   {packed_mb:6.1f} MB",
                    flush=True,
                )
            print(f"  ratio {rows[0] / rows[1]:.1f}   (bar: at most 12 MB for grounding)")
            client.close()
        print("heatmaps of the client's and the server's resampling")
        print(f"  asap-mini                  {agreement(load_engine('asap-mini'), volume)}")
        print(f"  asap-base, formula weights {agreement(load_engine(str(Path(folder) / 'weights' / 'asap-base')), volume)}")


if __name__ == "__main__":
    main()
