"""Parse many damaged files in this process and report as JSON: `python -m tests.fuzz.bulk FORMAT COUNT SEED FOLDER`."""

from __future__ import annotations

import json
import signal
import sys
import time
import warnings
from pathlib import Path
from types import FrameType

from asap.errors import InputError
from asap.io import worker
from asap.io.detect import parse
from tests.fuzz.mutate import Seeds

HANG_S = 5.0


class Hang(BaseException):
    """Raised by the alarm clock; not an Exception, so that no parser can swallow it."""


def _ring(signum: int, frame: FrameType | None) -> None:
    raise Hang


def _peak_mib() -> float:
    """Largest resident size since this program started (getrusage would count the process it was forked from)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Run the cases under the child's own limits and report counts, foreign exceptions, the slowest file and peak memory."""
    family, count, seed, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    seeds = Seeds(family, folder)
    warnings.simplefilter("ignore")
    worker.limit_process()
    signal.signal(signal.SIGALRM, _ring)
    report = {"read": 0, "refused": 0, "foreign": [], "hangs": [], "slowest_s": 0.0}
    for number in range(seed, seed + count):
        path = seeds.write(number)
        signal.setitimer(signal.ITIMER_REAL, HANG_S)
        started = time.perf_counter()
        try:
            parse(path)
            report["read"] += 1
        except InputError:
            report["refused"] += 1
        except Hang:
            report["hangs"].append(number)
        except Exception as error:
            report["foreign"].append(f"{number}: {type(error).__name__}: {error}"[:200])
        signal.setitimer(signal.ITIMER_REAL, 0)
        report["slowest_s"] = max(report["slowest_s"], time.perf_counter() - started)
    report["peak_mib"] = _peak_mib()
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
