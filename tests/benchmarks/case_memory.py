"""What an encoded case takes in memory and on disk, and how long the encoder works between two moments at which it gives way.

Prints, for `asap-mini` and for `asap-base` with formula-made weights in bfloat16 on a 512 x 512 x 300 volume: resident memory
with one case, growth per further case over ten, the case's own count, its file, and the longest
stretch of work of the calling thread between two hooks.
Run: python -m tests.benchmarks.case_memory      (needs ASAP_REFERENCE_DATA for the tokenizer)
"""

from __future__ import annotations

import gc
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from asap.inference.engine import Engine
from asap.inference.feature_file import features_to_bytes
from asap.inference.load import load_engine
from asap.phantom.case import generate_case
from asap.text.read import read_sentence
from asap.volume import Volume
from tests.benchmarks.formula_weights import write_formula_weights

SHAPE, SPACING_MM = (512, 512, 300), (0.75, 0.75, 1.1)
FURTHER = 10
MB = 1e6


def chest(seed: int) -> Volume:
    """A generated chest stretched to a clinical matrix, in the memory order of a NIfTI file."""
    small = generate_case(seed).volume
    index = np.ix_(*(np.arange(n) * s // n for n, s in zip(SHAPE, small.shape, strict=True)))
    return Volume(np.asfortranarray(small.hu[index]), np.diag([*SPACING_MM, 1.0]))


def resident_mb() -> float:
    """Resident memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def rows(engine: Engine, volume: Volume) -> str:
    """The line of one model."""
    question = [read_sentence("There is a nodule in the left lung.")]
    gaps, last = [], time.thread_time()

    def hook() -> None:
        nonlocal last
        gaps.append(time.thread_time() - last)
        last = time.thread_time()

    engine.encode(volume, owner="warm-up")
    engine.forget("warm-up")
    start = last = time.thread_time()
    features = engine.encode(volume, between_blocks=hook)
    seconds = time.thread_time() - start
    engine.ground(features, question)
    first = resident_mb()
    for number in range(1, FURTHER + 1):
        moved = volume.affine.copy()
        moved[0, 3] += 5.0 * number
        engine.ground(engine.encode(Volume(volume.hu, moved)), question)
    each = (resident_mb() - first) / FURTHER
    stored = len(features_to_bytes(features, "")) / MB
    return (
        f"{first:8.0f} {each:8.2f} {features.bytes / MB:8.2f} {stored:8.2f} {seconds:8.2f}"
        f" {1000 * max(gaps):8.0f} {1000 * float(np.median(gaps)):8.1f} {len(gaps):6d}"
    )


def main() -> None:
    """Print the table."""
    reference = Path(os.environ["ASAP_REFERENCE_DATA"])
    volume = chest(3)
    print(
        f"{'':10} {'RSS MB':>8} {'+ case':>8} {'counted':>8} {'file':>8} {'encode s':>8} {'gap ms':>8} {'median':>8} {'hooks':>6}"
    )
    print(f"{'asap-mini':10} {rows(load_engine('asap-mini'), volume)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        write_formula_weights(Path(folder), (reference / "parity/cxrbert_wordpiece.json").read_text(encoding="utf-8"))
        print(f"{'asap-base':10} {rows(load_engine(str(Path(folder) / 'asap-base')), volume)}")


if __name__ == "__main__":
    main()
