"""Write generated cases to a folder: resumable, each case a pure function of its seed.

asap-train generate --out DIR --first SEED --count N [--require CONCEPT ...] [--bilateral CONCEPT ...] [--processes P]
asap-train generate --out DIR --first SEED --count N --implants train|select     lesions in the real CTs of the reference material
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

from asap.phantom.case import generate_case
from asap.phantom.case_files import FILE_NAME, save_case
from asap_training.data.backgrounds import Background, Role, backgrounds
from asap_training.data.implants import CONCEPTS, implanted

BILATERAL_EVERY = 4  # where findings on both sides are asked for, every fourth case has one


def generate_one(out: Path, required: tuple[str, ...], bilateral: tuple[str, ...], seed: int) -> bool:
    """Make one case unless it is there already; returns whether it was made. Concepts take turns by the seed."""
    folder = out / f"case-{seed:07d}"
    if (folder / FILE_NAME).exists():
        return False
    turn, rest = divmod(seed, BILATERAL_EVERY)
    if bilateral and rest == 0:
        case = generate_case(seed, bilateral=bilateral[turn % len(bilateral)])
    else:
        case = generate_case(seed, required=required[seed % len(required) :][:1] if required else ())
    save_case(folder, case)
    return True


def implant_one(out: Path, reference: Path, role: Role, seed: int) -> bool:
    """Implant one case into a background of the role unless it is there already; backgrounds take turns by the seed."""
    folder = out / f"case-{seed:07d}"
    if (folder / FILE_NAME).exists():
        return False
    real = _backgrounds(reference, role)
    save_case(folder, implanted(real[seed % len(real)], seed, concepts=tuple(CONCEPTS)))
    return True


@lru_cache(maxsize=1)
def _backgrounds(reference: Path, role: Role) -> list[Background]:
    return backgrounds(reference, role)


def generate(out: Path, seeds: range, make: Callable[[int], bool], processes: int) -> int:
    """Make one case per seed and return how many were new."""
    out.mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool(processes, initializer=os.nice, initargs=(10,)) as pool:
        return sum(pool.imap_unordered(make, seeds, chunksize=4))


def main() -> None:
    """Parse the arguments, generate, say how long a case took."""
    parser = argparse.ArgumentParser(description="Write generated chest CTs with findings, regions and reports.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--require", nargs="*", default=(), help="concepts that take turns in being present")
    parser.add_argument("--bilateral", nargs="*", default=(), help="concepts that take turns, every fourth case, on both sides")
    parser.add_argument("--implants", choices=["train", "select"], help="lesions in real CTs to train, or to select, on")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    make = partial(generate_one, arguments.out, tuple(arguments.require), tuple(arguments.bilateral))
    if arguments.implants is not None:
        reference = os.environ.get("ASAP_REFERENCE_DATA")
        if reference is None:
            raise SystemExit("Implants need the reference material; set ASAP_REFERENCE_DATA to its folder.")
        make = partial(implant_one, arguments.out, Path(reference), arguments.implants)
    began = time.monotonic()
    seeds = range(arguments.first, arguments.first + arguments.count)
    made = generate(arguments.out, seeds, make, arguments.processes)
    print(f"{made} new cases in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
