"""Prepare cases for training: raw CTs and reports -> a cache of resampled volumes, organ masks and tokens. Resumable.

asap-train prepare --table cases.csv --out cache --tokenizer FILE
                   columns volume, findings, impression[, mask, regions, patient, split]
asap-train prepare --ctrate DIR --reports train_reports.csv [--metadata train_metadata.csv] --out cache --weights IMPORTED
asap-train prepare ... --organs labels|classical|totalsegmentator [--class-map FILE] [--totalsegmentator "COMMAND ARGUMENTS"]

The same command goes on where it stopped or was killed, with the same result. What cannot be read is listed in index.json
under the digest of its name; more than 0.5 % of it is an error unless --allow-unreadable says otherwise.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from asap.errors import AsapError, InputError
from asap.models.load import LoadedAsap, load_model
from asap.models.wordpiece import WordPiece
from asap_training import generate
from asap_training.arguments import ended_in_one_sentence, positive
from asap_training.data import cache
from asap_training.data.cache import CaseRecord
from asap_training.data.case import RawCase
from asap_training.data.datasets.ctrate import ctrate_cases
from asap_training.data.datasets.plain_table import plain_cases
from asap_training.data.image import ImageSettings
from asap_training.data.organ_masks import CLASSICAL, ORGANS, OrganSettings, read_classes
from asap_training.data.prepare_case import Preparer
from asap_training.data.report_tokens import text_encoder_digest, tokenizer_digest
from asap_training.data.splits import check_splits
from asap_training.loop.stopping import STOPPED, Stop, preparing, stop_on_signals
from asap_training.pace import Pace, to_terminal

UNREADABLE_SHARE = 0.005
VALID_SHARE = 0.05
ASKED_AHEAD = 4  # cases per process that are handed out before they are waited for

Result = CaseRecord | str


@dataclass(frozen=True)
class PrepareOptions:
    """What a cache is made with. weights: folder or catalogue name whose text encoder's features are kept; tokenizer: else."""

    out: Path
    image: ImageSettings
    organs: OrganSettings
    weights: str | Path | None = None
    tokenizer: Path | None = None
    verify: bool = False
    processes: int = 1
    allow_unreadable: float = UNREADABLE_SHARE


def prepare(cases: Sequence[RawCase], options: PrepareOptions, say: Callable[[str], None]) -> bool:
    """Prepare all cases and finish the cache (True), or stop early because a signal asked for it (False).

    Raises InputError for patients or images in two splits, for too many unreadable cases, and for a folder of other settings.
    """
    if len({raw.name for raw in cases}) != len(cases):
        raise InputError("The table names a volume more than once; keep one report for each.")
    check_splits(((raw.patient, raw.split) for raw in cases), "patients")
    preparer = preparer_of(options)
    with cache.opened_cache(options.out, settings_of(options, preparer)):
        return _prepared(cases, options, preparer, say)


def _prepared(cases: Sequence[RawCase], options: PrepareOptions, preparer: Preparer, say: Callable[[str], None]) -> bool:
    say(f"{len(cases)} cases; text features {'are kept' if preparer.text_encoder else 'are not kept (no --weights)'}.")
    records: list[CaseRecord] = []
    unreadable: dict[str, str] = {}
    pace = Pace(len(cases), "Preparing", say)
    with stop_on_signals() as stop:
        for raw, result in results(cases, options, preparer, stop):
            if isinstance(result, CaseRecord):
                records.append(result)
            else:
                unreadable[raw.case] = result
            pace.one_more(f", {len(unreadable)} unreadable")
        if stop.signal is not None:
            say(f"Stopped after {pace.done} cases; the same command goes on from there.")
            return False
    finish(options, records, unreadable)
    taught = sum(record.regions is not None or any(record.sentence_organs) for record in records)
    unread = f"{len(unreadable)} unreadable (listed in {cache.INDEX})"
    say(f"{len(records)} cases prepared, {unread}, {taught} with a sentence whose region is known.")
    return True


def finish(options: PrepareOptions, records: Sequence[CaseRecord], unreadable: dict[str, str]) -> None:
    """Check what only shows when all cases are there, then write the index."""
    check_splits(((record.content, record.split) for record in records), "images")
    total = len(records) + len(unreadable)
    if len(unreadable) > options.allow_unreadable * total:
        shown = "; ".join(f"{case}: {reason}" for case, reason in sorted(unreadable.items())[:5])
        raise InputError(
            f"{len(unreadable)} of {total} cases cannot be used, more than {options.allow_unreadable:.1%}. Mend them, or allow "
            f"more with --allow-unreadable. The first, by the start of sha256 of their name in the table: {shown}"
        )
    cache.write_index(options.out, records, unreadable)


def results(
    cases: Sequence[RawCase], options: PrepareOptions, preparer: Preparer, stop: Stop
) -> Iterator[tuple[RawCase, Result]]:
    """Each case with its record or the reason there is none, in the order they get ready; ends early when a signal came."""
    if options.processes == 1:
        for raw in cases:
            if stop.signal is not None:
                return
            yield raw, preparer(raw)
        return
    waiting: dict[Future[Result], RawCase] = {}
    with ProcessPoolExecutor(options.processes, get_context("spawn"), _start_process, (options,)) as pool:
        try:
            for raw in cases:
                if stop.signal is not None:
                    break
                waiting[pool.submit(_prepare_one, raw)] = raw
                if len(waiting) >= options.processes * ASKED_AHEAD:
                    yield from _ready(waiting)
            while waiting:
                if stop.signal is not None:  # those that no process has begun are left for the next time
                    waiting = {future: raw for future, raw in waiting.items() if not future.cancel()}
                yield from _ready(waiting)
        except BrokenProcessPool as error:
            if stop.signal is not None:  # it came to all processes before they had learnt to leave it to this one
                return
            raise AsapError(
                "A process of prepare was ended by the system, often for lack of memory; run it again with fewer --processes."
            ) from error


def _ready(waiting: dict[Future[Result], RawCase]) -> Iterator[tuple[RawCase, Result]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        yield waiting.pop(future), future.result()


_preparers: list[Preparer] = []


def _start_process(options: PrepareOptions) -> None:
    preparing()
    _preparers.append(preparer_of(options))


def _prepare_one(raw: RawCase) -> Result:
    return _preparers[0](raw)


def preparer_of(options: PrepareOptions) -> Preparer:
    """Tokenizer and text encoder loaded. Raises WeightsError, and InputError where neither is named."""
    if options.weights is not None:
        loaded = load_model(options.weights, torch.float32)
        if not isinstance(loaded, LoadedAsap):
            raise InputError("These weights have no text encoder of their own; name weights of the published architecture.")
        tokenizer, encoder = loaded.tokenizer, loaded.model.text_encoder
    elif options.tokenizer is not None:
        tokenizer, encoder = WordPiece.from_file(options.tokenizer), None
    else:
        raise InputError("Name the tokenizer of the text encoder with --tokenizer, or imported weights with --weights.")
    return Preparer(options.out, options.image, options.organs, tokenizer, encoder, options.verify)


def settings_of(options: PrepareOptions, preparer: Preparer) -> dict[str, Any]:
    """What the cached bytes depend on besides the cases; paths and the number of processes are not among it."""
    organs: dict[str, Any] = {"kind": options.organs.kind, "classes": {k: list(v) for k, v in options.organs.classes.items()}}
    if options.organs.kind == "totalsegmentator":
        organs["command"] = options.organs.command
    return {
        "image": asdict(options.image),
        "organs": organs,
        "tokenizer_sha256": tokenizer_digest(preparer.tokenizer),
        "text_encoder_sha256": None if preparer.text_encoder is None else text_encoder_digest(preparer.text_encoder),
    }


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Raw CTs and reports -> a cache to train from; the same command resumes.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--table", type=Path, help="CSV: volume, findings, impression and perhaps mask, regions, patient, split")
    source.add_argument("--ctrate", type=Path, help="folder of CT-RATE's volumes")
    parser.add_argument("--out", type=Path, required=True, help="the cache")
    parser.add_argument("--reports", type=Path, help="CT-RATE's table of reports")
    parser.add_argument("--metadata", type=Path, help="CT-RATE's metadata, for its first release only (the second holds HU)")
    parser.add_argument("--masks", type=Path, help="folder of label images laid out as CT-RATE's volumes")
    parser.add_argument("--valid-share", type=float, default=VALID_SHARE, help="patients in validation where no split is named")
    parser.add_argument(
        "--spacing",
        type=float,
        nargs=3,
        default=ImageSettings.spacing_mm,
        metavar=("R", "A", "S"),
        help="mm; by default those of asap_base, 1.5 1.5 3",
    )
    parser.add_argument(
        "--organs", choices=["none", "classical", "labels", "totalsegmentator"], default="none", help="where masks come from"
    )
    parser.add_argument("--class-map", type=Path, help='JSON {"organ": [label numbers]}; by default those of TotalSegmentator 2')
    parser.add_argument("--totalsegmentator", default=OrganSettings.command, help="the command, with further arguments")
    parser.add_argument("--weights", help="folder or name of weights whose text encoder's features are kept")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json, where no --weights are given")
    parser.add_argument("--processes", type=positive, default=1, help="cases prepared at the same time; by default one")
    parser.add_argument("--verify", action="store_true", help="compare what is there with its checksums, and remake what differs")
    parser.add_argument("--allow-unreadable", type=float, default=UNREADABLE_SHARE, metavar="SHARE", help="of the cases")
    return parser.parse_args()


def cases_of(arguments: argparse.Namespace) -> list[RawCase]:
    """The cases the command line names."""
    if arguments.table is not None:
        return plain_cases(arguments.table, arguments.valid_share)
    if arguments.reports is None:
        raise InputError("Name CT-RATE's table of reports with --reports.")
    return ctrate_cases(arguments.ctrate, arguments.reports, arguments.metadata, arguments.masks)


def organs_of(arguments: argparse.Namespace) -> OrganSettings:
    """Where organ masks come from. InputError where the command does not exist, before any case is read."""
    if arguments.organs == "totalsegmentator" and shutil.which(shlex.split(arguments.totalsegmentator)[0]) is None:
        raise InputError("The segmentation command was not found; install TotalSegmentator in its own environment and name it.")
    classes = CLASSICAL if arguments.organs == "classical" else ORGANS
    chosen = OrganSettings(arguments.organs, classes, arguments.totalsegmentator)
    return chosen if arguments.class_map is None else replace(chosen, classes=read_classes(arguments.class_map))


def main() -> None:
    """Parse the arguments and prepare. Exit code 143 where a signal ended it early; 2 for input that cannot be used."""
    if "--count" in sys.argv:  # what this command meant before generated cases got one of their own
        generate.main()
        return
    arguments = parse()
    torch.set_num_threads(1)
    with ended_in_one_sentence():
        options = PrepareOptions(
            out=arguments.out,
            image=ImageSettings(spacing_mm=tuple(arguments.spacing)),
            organs=organs_of(arguments),
            weights=None if arguments.weights is None else weights_named(arguments.weights),
            tokenizer=arguments.tokenizer,
            verify=arguments.verify,
            processes=arguments.processes,
            allow_unreadable=arguments.allow_unreadable,
        )
        finished = prepare(cases_of(arguments), options, to_terminal)
    sys.exit(0 if finished else STOPPED)


def weights_named(text: str) -> str | Path:
    """A folder where there is one, else a name of the catalogue."""
    return Path(text) if Path(text).is_dir() else text


if __name__ == "__main__":
    main()
