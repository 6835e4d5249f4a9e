"""Bytes of a sentence's answer on the wire, of every shipped model, whole cells and half cells, on a real CT.

The sentences are those of generated lung-cancer reports, each once.
Run: python -m tests.benchmarks.answer_sizes [--sentences 300]      (needs ASAP_REFERENCE_DATA)
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from asap.client.wire import to_json
from asap.inference.engine import Engine
from asap.inference.load import load_engine
from asap.io.read import read_volume
from asap.report import Sentence
from asap.text.read import read_report
from asap.volume import Volume
from monailabel_app.server.answers import SENTENCE_BYTES, answer_record
from tests.benchmarks.formula_weights import write_formula_weights

CT = "ct/lung2_tumour/lung2_image.nrrd"


def report_sentences(reference: Path, count: int) -> list[Sentence]:
    """Different sentences of the reports that have a place to show."""
    found: dict[str, Sentence] = {}
    with (reference / "reports/synthetic_lung_cancer_ct.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            for sentence in read_report(json.loads(line)["report"]).sentences:
                if sentence.localisable:
                    found.setdefault(sentence.text, sentence)
            if len(found) >= count:
                break
    return list(found.values())[:count]


def row(name: str, engine: Engine, volume: Volume, sentences: list[Sentence], *, fine: bool) -> str:
    """One line of the table."""
    groundings = engine.ground(engine.encode(volume, fine=fine), sentences)
    sizes = np.array([len(to_json(answer_record(grounding, fine=fine, in_report=True))) for grounding in groundings])
    p50, p95 = np.percentile(sizes, (50, 95)) / 1000
    fits = "" if sizes.max() <= SENTENCE_BYTES else "  OVER THE BAR"
    return f"  {name:28} p50 {p50:5.1f}  p95 {p95:5.1f}  largest {sizes.max() / 1000:5.1f} kB  n {len(sizes)}{fits}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=300)
    options = parser.parse_args()
    reference = Path(os.environ["ASAP_REFERENCE_DATA"])
    volume = read_volume(reference / CT)
    sentences = report_sentences(reference, options.sentences)
    with tempfile.TemporaryDirectory() as folder:
        write_formula_weights(Path(folder), (reference / "parity/cxrbert_wordpiece.json").read_text(encoding="utf-8"))
        for name, place in (("asap-mini", "asap-mini"), ("asap-base, formula weights", str(Path(folder) / "asap-base"))):
            engine = load_engine(place)
            for fine in (False, True):
                print(row(name + (" --fine" if fine else ""), engine, volume, sentences, fine=fine), flush=True)
    print(f"  bar: {SENTENCE_BYTES / 1000:.0f} kB")


if __name__ == "__main__":
    main()
