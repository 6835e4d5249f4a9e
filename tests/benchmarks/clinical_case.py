"""A CT of clinical size as a server meets it: a file in its datastore, `asap-base` with formula-made weights, and its process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from asap.io.nifti import write_nifti
from asap.volume import Volume
from tests.benchmarks.case_memory import chest
from tests.benchmarks.formula_weights import write_formula_weights
from tests.server.live import LiveServer, live_server

MODEL = "asap-base"
THREADS = {"OMP_NUM_THREADS": str(os.cpu_count() or 1)}
SIDES, LOBES = ("left", "right"), ("upper lobe", "lower lobe", "lung", "hemithorax")


def write_case(folder: Path, name: str, seed: int) -> Volume:
    """Write a generated chest, 512 x 512 x 300 with a scanner's noise, as `name`.nii.gz."""
    volume = chest(seed)
    noise = np.random.default_rng(seed).integers(-12, 13, volume.shape, dtype=np.int16)
    noisy = Volume(np.asfortranarray(volume.hu + noise), volume.affine)
    write_nifti(folder / f"{name}.nii.gz", noisy.hu, noisy.affine)
    return noisy


@contextmanager
def base_server(folder: Path, studies: Path) -> Iterator[LiveServer]:
    """The real server with `asap-base` in bfloat16, formula-made, on all cores."""
    reference = Path(os.environ["ASAP_REFERENCE_DATA"])
    write_formula_weights(folder / "weights", (reference / "parity/cxrbert_wordpiece.json").read_text(encoding="utf-8"))
    words = ("--models", str(folder / "weights" / MODEL))
    with live_server(folder / "server", *words, studies=studies, environment=THREADS, by_command=True) as server:
        yield server


def new_sentence(number: int) -> str:
    """A sentence of ordinary length that no cache has seen."""
    return (
        f"There is a {number} mm nodule with irregular margins in the {SIDES[number % 2]} {LOBES[number % 4]} on series {number}."
    )


def percentiles(name: str, seconds: list[float], bar: str = "") -> str:
    """A line of a table, milliseconds."""
    p50, p95, p99 = (1000 * float(np.percentile(seconds, share)) for share in (50, 95, 99))
    return f"  {name:34} p50 {p50:7.1f}  p95 {p95:7.1f}  p99 {p99:7.1f} ms  n {len(seconds):5d}  {bar}"


def timed(run: object, *arguments: object, **options: object) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    run(*arguments, **options)  # type: ignore[operator]
    return time.perf_counter() - start
