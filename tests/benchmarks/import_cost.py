"""What importing costs: seconds in a fresh interpreter, and whether torch came along. Best of five.

Run: python -m tests.benchmarks.import_cost
"""

from __future__ import annotations

import subprocess
import sys

MODULES = ("asap", "asap.text.read", "asap.volume", "asap.io.read", "asap.lungs", "asap.inference.engine")
PROGRAM = "import sys, time; t = time.perf_counter(); import {m}; print(time.perf_counter() - t, 'torch' in sys.modules)"


def cost(module: str) -> tuple[float, bool]:
    """(seconds, whether torch was imported), best of five fresh interpreters."""
    runs = []
    for _ in range(5):
        out = subprocess.run([sys.executable, "-c", PROGRAM.format(m=module)], capture_output=True, text=True, check=True).stdout
        seconds, torch_came = out.split()
        runs.append((float(seconds), torch_came == "True"))
    return min(runs)


def main() -> None:
    """Print the table."""
    for module in MODULES:
        seconds, torch_came = cost(module)
        print(f"  {module:24} {1000 * seconds:7.0f} ms   {'with torch' if torch_came else 'without torch'}")


if __name__ == "__main__":
    main()
