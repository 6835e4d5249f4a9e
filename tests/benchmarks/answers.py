"""Drafted reports and answered questions on cases the model has not seen: `python -m tests.benchmarks.answers [--cases N]`.

Prints finding F1, presence on twins, location, size, calibration, the same questions to other patients, painted-out findings and
the scores by question type; on generated cases, and on those of another generator where ASAP_REFERENCE_DATA is set.
With --keep, encoded cases and their scores are kept in a folder: a run that was killed goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import torch

from asap.inference.engine import Engine
from asap.inference.feature_store import FeatureStore
from asap.inference.finding_curves import FILE_NAME
from asap.inference.load import load_engine
from asap.models.catalog import model_folder
from tests.benchmarks import answers_rows, answers_table
from tests.benchmarks.answers_cases import CaseSet, generated, judged
from tests.benchmarks.answers_rows import CaseRows

STORE_BYTES = 64 * 2**30
TITLES = {"generated": "Generated cases with unseen seeds", "judged": "Judge cases, of another generator"}


def scored(engine: Engine, cases: CaseSet, kept: Path, painted: int) -> list[CaseRows]:
    """Rows of every case that is not refused. painted: stop painting out after so many pairs."""
    rows: list[CaseRows] = []
    for number in range(cases.count):
        file = kept / f"{number:05d}.json"
        if not file.is_file():
            paint = sum(len(row.painted) for row in rows) < painted
            answers_rows.save(file, answers_rows.rows_of(engine, cases, number, paint=paint))
        row = answers_rows.load(file)
        rows += [row] if row is not None else []
        if number % 10 == 9:
            print(f"{number + 1} cases, {time.process_time():.0f} s of processor time", flush=True)
    return rows


def digest_of(model: str) -> str:
    """Of everything beside the code that a score depends on: weights, and curves of the findings."""
    folder = model_folder(model)
    manifests = [path for path in (folder / "manifest.json", folder / FILE_NAME) if path.is_file()]
    return hashlib.sha256(b"".join(path.read_bytes() for path in manifests)).hexdigest()[:16]


def main(argv: Sequence[str] | None = None) -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200, help="generated cases, seeds 40000 and up")
    parser.add_argument("--painted", type=int, default=100, help="pairs with a painted-out finding")
    parser.add_argument("--folder", type=Path, help="cases of asap-train generate, instead of making them again")
    parser.add_argument("--keep", type=Path, help="folder for encoded cases and scores; clear it after a change of code")
    parser.add_argument("--model", default="asap-mini")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    reference = os.environ.get("ASAP_REFERENCE_DATA")
    sets = {"generated": generated(arguments.cases, arguments.folder)}
    if reference is not None:
        sets["judged"] = judged(Path(reference) / "judge_cases")
    with tempfile.TemporaryDirectory() if arguments.keep is None else nullcontext(arguments.keep) as folder:
        keep = Path(folder)
        keep.mkdir(parents=True, exist_ok=True)
        engine = load_engine(arguments.model, FeatureStore(keep / "encoded", STORE_BYTES))
        for name, cases in sets.items():
            rows = scored(engine, cases, keep / digest_of(arguments.model) / name, arguments.painted)
            print(f"\n{TITLES[name]}, {len(rows)}", *answers_table.lines(rows), sep="\n", flush=True)


if __name__ == "__main__":
    main()
