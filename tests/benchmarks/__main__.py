"""`make bench`: every table of the project, one after the other. Each is also a command of its own."""

from __future__ import annotations

import os
import subprocess
import sys

TABLES = (
    ("Import cost", "tests.benchmarks.import_cost", ()),
    ("Encoder against its predicted time", "tests.benchmarks.encoder_speed", ()),
    ("Click to answer, in process", "tests.benchmarks.click_latency", ()),
    ("First heatmap, clicks and memory, through the server", "tests.benchmarks.server_click", ()),
    ("Answers while the server works", "tests.benchmarks.server_latency", ()),
    ("Bringing a case to the server", "tests.benchmarks.server_uploads", ()),
    ("Bytes of an answer", "tests.benchmarks.answer_sizes", ()),
    ("What the server adds, against stock MONAI Label", "tests.benchmarks.server_overhead", ()),
    ("Sentence to three drawn slices", "tests.benchmarks.slicer_click", ()),
    ("Heat on its place, through Slicer's reslice", "tests.benchmarks.slicer_alignment", ()),
    ("bfloat16 against float32", "tests.benchmarks.bf16_agreement", ("--draws", "4")),
    ("One pre-training step", "tests.benchmarks.pretraining_step", ()),
    ("Preparing and loading cases", "tests.benchmarks.loader", ()),
    ("Pre-training on CT-RATE, by arithmetic", "tests.benchmarks.scaling_plan", ()),
    ("Report reading", "tests.benchmarks.text_scores", ()),
    ("Generated cases: difficulty", "asap.phantom.difficulty", ("--count", "20")),
    ("Real chest CTs", "tests.benchmarks.real_pairs", ()),
    ("Corrections by click and automatic organs", "tests.benchmarks.segmentation_speed", ()),
    ("Segments of real chest CTs", "tests.benchmarks.real_segments", ()),
    ("Grounding", "asap_training.benchmark", ()),
    ("Drafted reports and answered questions", "tests.benchmarks.answers", ("--cases", "60", "--painted", "30")),
)


def main() -> int:
    """Run every table; the exit code is that of the first that failed."""
    if not os.environ.get("ASAP_REFERENCE_DATA"):
        print("Set ASAP_REFERENCE_DATA to the reference material; most tables need it.", file=sys.stderr)
        return 2
    codes = []
    for title, module, arguments in TABLES:
        print(f"\n== {title} (python -m {module})", flush=True)
        codes.append(subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode)
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
