"""Write generated cases to a folder: resumable, each case a pure function of its seed.

asap-train generate --out DIR --first SEED --count N [--require CONCEPT ...] [--bilateral CONCEPT ...] [--processes P]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from functools import partial
from pathlib import Path

from asap.phantom.case import generate_case
from asap.phantom.case_files import save_case

BILATERAL_EVERY = 4  # where findings on both sides are asked for, every fourth case has one


def generate_one(out: Path, required: tuple[str, ...], bilateral: tuple[str, ...], seed: int) -> bool:
    """Make one case unless it is there already; returns whether it was made. Concepts take turns by the seed."""
    folder = out / f"case-{seed:07d}"
    if folder.exists():
        return False
    turn, rest = divmod(seed, BILATERAL_EVERY)
    if bilateral and rest == 0:
        case = generate_case(seed, bilateral=bilateral[turn % len(bilateral)])
    else:
        case = generate_case(seed, required=required[seed % len(required) :][:1] if required else ())
    save_case(folder, case)
    return True


def generate(out: Path, seeds: range, required: tuple[str, ...], bilateral: tuple[str, ...], processes: int) -> int:
    """Make one case per seed and return how many were new."""
    out.mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool(processes, initializer=os.nice, initargs=(10,)) as pool:
        return sum(pool.imap_unordered(partial(generate_one, out, required, bilateral), seeds, chunksize=4))


def main() -> None:
    """Parse the arguments, generate, say how long a case took."""
    parser = argparse.ArgumentParser(description="Write generated chest CTs with findings, regions and reports.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--require", nargs="*", default=(), help="concepts that take turns in being present")
    parser.add_argument("--bilateral", nargs="*", default=(), help="concepts that take turns, every fourth case, on both sides")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    seeds = range(arguments.first, arguments.first + arguments.count)
    made = generate(arguments.out, seeds, tuple(arguments.require), tuple(arguments.bilateral), arguments.processes)
    print(f"{made} new cases in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
