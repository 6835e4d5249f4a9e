"""Write generated cases to a folder: resumable, each case a pure function of its seed.

asap-train generate --out DIR --first SEED --count N [--require CONCEPT ...] [--bilateral CONCEPT ...] [--processes P]
asap-train generate --out DIR --first SEED --count N --implants train|select     lesions in the real CTs of the reference material
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache, partial
from pathlib import Path

from asap.errors import InputError, OutputError
from asap.phantom.case import generate_case
from asap.phantom.case_files import FILE_NAME, save_case
from asap.phantom.findings import CONCEPTS as GENERATED
from asap_training.arguments import ended_in_one_sentence, positive
from asap_training.data.backgrounds import Background, Role, backgrounds, reference_folder
from asap_training.data.implants import CONCEPTS, implanted
from asap_training.loop.stopping import STOPPED, preparing, stop_on_signals
from asap_training.pace import Pace, to_terminal

BILATERAL_EVERY = 4  # where findings on both sides are asked for, every fourth case has one
NICENESS = 10  # hundreds of cases take hours, beside which the machine should stay usable


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


def generate(out: Path, seeds: range, make: Callable[[int], bool], processes: int) -> int | None:
    """Make one case per seed and return how many were new; None where a signal ended it, after the cases under way.

    Raises OutputError where the folder cannot be made or written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError("The folder for the generated cases cannot be made; name another one.") from error
    pace, made = Pace(len(seeds), "Generating"), 0
    with stop_on_signals() as stop, ProcessPoolExecutor(processes, initializer=_begin_process) as pool:
        for case in as_completed([pool.submit(make, seed) for seed in seeds]):
            made += case.result()
            pace.one_more()
            if stop.signal is not None:
                pool.shutdown(cancel_futures=True)  # waits here, for the block's own end would take the cancelling back
                break
    if pace.done < len(seeds) and stop.signal is not None:
        to_terminal(f"Stopped after {pace.done} cases or a few more; the same command goes on from there.")
        return None
    return made


def _begin_process() -> None:
    preparing()
    os.nice(NICENESS)


def check_concepts(named: Sequence[str]) -> None:
    """InputError for a concept that no case can have."""
    unknown = [name for name in named if name not in GENERATED]
    if unknown:
        raise InputError(f"There is no finding called {unknown[0]}; generated cases can have {', '.join(GENERATED)}.")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write generated chest CTs with findings, regions and reports.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the cases; those that are there are not made again")
    parser.add_argument("--first", type=int, default=0, help="seed of the first case, by which the same case comes again")
    parser.add_argument("--count", type=positive, required=True, help="how many cases, one for each seed from --first on")
    parser.add_argument("--require", nargs="*", default=(), help="concepts that take turns in being present")
    parser.add_argument("--bilateral", nargs="*", default=(), help="concepts that take turns, every fourth case, on both sides")
    parser.add_argument("--implants", choices=["train", "select"], help="lesions in real CTs to train, or to select, on")
    parser.add_argument("--processes", type=positive, default=1, help="cases made at the same time; by default one")
    return parser.parse_args()


def main() -> None:
    """Parse the arguments, generate, say how long it took. Exit code 143 where a signal ended it early."""
    arguments = parse()
    began = time.monotonic()
    with ended_in_one_sentence():
        if arguments.first < 0:
            raise InputError("A seed is not negative: choose another --first.")
        check_concepts((*arguments.require, *arguments.bilateral))
        make = partial(generate_one, arguments.out, tuple(arguments.require), tuple(arguments.bilateral))
        if arguments.implants is not None:
            make = partial(implant_one, arguments.out, reference_folder(), arguments.implants)
        seeds = range(arguments.first, arguments.first + arguments.count)
        made = generate(arguments.out, seeds, make, arguments.processes)
    if made is None:
        sys.exit(STOPPED)
    print(f"{made} new cases in {time.monotonic() - began:.0f} s; {len(seeds) - made} were there.")


if __name__ == "__main__":
    main()
