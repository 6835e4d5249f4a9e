"""How long a sentence takes once a case is encoded: `asap-base` with formula-made weights in bfloat16, in process.

Prints median and 95th percentile of a sentence no cache has seen, of one that was seen, and of a report of 16 sentences.
Run: python -m tests.benchmarks.click_latency [--clicks 200]      (needs ASAP_REFERENCE_DATA for a CT and the tokenizer)
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.io.read import read_volume
from asap.text.read import read_sentence
from tests.benchmarks.formula_weights import write_formula_weights

SIDES, LOBES = ("left", "right"), ("upper lobe", "lower lobe", "lung", "hemithorax")
WARM_UP = 10
REPORT_SENTENCES = 16


def sentences(count: int, first: int) -> list[str]:
    """Distinct sentences of ordinary length."""
    return [
        f"There is a {first + n} mm nodule with irregular margins in the {SIDES[n % 2]} {LOBES[n % 4]} on series {first + n}."
        for n in range(count)
    ]


def timed_ms(engine: Engine, volume_features: object, texts: list[str]) -> list[float]:
    """Milliseconds from a sentence's text to its answer, one by one."""
    times = []
    for text in texts:
        start = time.perf_counter()
        engine.ground(volume_features, [read_sentence(text)])  # type: ignore[arg-type]
        times.append(1000 * (time.perf_counter() - start))
    return times


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=200)
    clicks = parser.parse_args().clicks
    reference = Path(os.environ["ASAP_REFERENCE_DATA"])
    with tempfile.TemporaryDirectory() as folder:
        write_formula_weights(Path(folder), (reference / "parity/cxrbert_wordpiece.json").read_text(encoding="utf-8"))
        engine = load_engine(str(Path(folder) / "asap-base"))
        start = time.perf_counter()
        features = engine.encode(read_volume(reference / "ct/lung2_tumour/lung2_image.nrrd"))
        print(f"  read and encode, first case      {time.perf_counter() - start:8.2f} s")
        timed_ms(engine, features, sentences(WARM_UP, 1000))
        texts = sentences(clicks, 0)
        for name, times in (("new sentence", timed_ms(engine, features, texts)), ("seen", timed_ms(engine, features, texts))):
            print(f"  {name:16} p50 {np.median(times):7.1f} ms   p95 {np.percentile(times, 95):7.1f} ms   n {len(times)}")
        best = []
        for round_number in range(5):
            report = [read_sentence(text) for text in sentences(REPORT_SENTENCES, 5000 + 100 * round_number)]
            start = time.perf_counter()
            engine.ground(features, report)
            best.append(1000 * (time.perf_counter() - start))
        print(f"  report of {REPORT_SENTENCES} new sentences, best of 5 {min(best):8.1f} ms")


if __name__ == "__main__":
    main()
