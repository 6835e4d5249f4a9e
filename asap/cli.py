"""The command line. Exit code 0; 2 with one clear sentence for bad use or bad input; 1 when it is our fault."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from tyro.conf import Positional, arg, subcommand

from asap import limits
from asap.commands.answer_options import Ask, Classify, Report
from asap.commands.review import Review, review
from asap.commands.segment_options import SegmentCommand
from asap.commands.serve import Serve, serve
from asap.commands.view import View, view
from asap.errors import AsapError, Cancelled, InputError, LimitError

LOG = logging.getLogger("asap")


@dataclass(frozen=True)
class Ground:
    """Show where each sentence of a report is true in a chest CT."""

    volume: Positional[Annotated[Path, arg(metavar="VOLUME")]]
    """NIfTI, NRRD or a folder with one DICOM series."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Folder for groundings.json, heatmaps, regions and pictures."""
    report: Annotated[Path | None, arg(metavar="FILE")] = None
    """Text file with the report."""
    sentence: Annotated[tuple[str, ...], arg(metavar="TEXT")] = ()
    """One or more sentences instead of a report."""
    model: Annotated[str, arg(metavar="NAME")] = "asap-mini"
    """Name of a model, or a folder with weights."""
    fine: bool = False
    """Maps with half the cell size, from eight shifted fields of view."""
    json: bool = False
    """Print the answers as JSON on standard output."""


@dataclass(frozen=True)
class Demo:
    """Open a sample chest CT and its report in the browser work bench."""

    headless: Annotated[Path | None, arg(metavar="DIR")] = None
    """Write the same views as pictures and answers to this folder instead."""
    json: bool = False
    """With --headless: print the answers as JSON on standard output."""


@dataclass(frozen=True)
class Doctor:
    """Say what is installed, what is missing and how to mend it."""

    json: bool = False
    """Print the findings as JSON on standard output."""


@dataclass(frozen=True)
class WeightsList:
    """The models this version knows, and whether their weights are installed."""

    json: bool = False
    """Print as JSON on standard output."""


@dataclass(frozen=True)
class WeightsImport:
    """Convert a published checkpoint (ASAP or SimCroP) to safetensors with a manifest."""

    checkpoint: Positional[Annotated[Path, arg(metavar="PTH")]]
    tokenizer: Annotated[Path, arg(metavar="FILE")]
    """The WordPiece tokenizer in JSON form."""
    text_encoder: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder with the CXR-BERT weights, for checkpoints that hold none."""
    out: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder for the result; by default where asap-base is looked for."""
    json: bool = False
    """Print what was found as JSON on standard output."""


@dataclass(frozen=True)
class WeightsVerify:
    """Check every size, shape and digest of a model's weights."""

    model: Positional[Annotated[str, arg(metavar="NAME")]] = "asap-mini"
    """Name of a model, or a folder with weights."""


@dataclass(frozen=True)
class WeightsPath:
    """Print the folder a model's weights are in."""

    model: Positional[Annotated[str, arg(metavar="NAME")]] = "asap-mini"
    """Name of a model."""


WeightsAction = (
    Annotated[WeightsList, subcommand("list")]
    | Annotated[WeightsImport, subcommand("import")]
    | Annotated[WeightsVerify, subcommand("verify")]
    | Annotated[WeightsPath, subcommand("path")]
)


@dataclass(frozen=True)
class Weights:
    """List, import, verify or locate model weights."""

    action: WeightsAction


Command = (
    Annotated[Demo, subcommand("demo")]
    | Annotated[Ground, subcommand("ground")]
    | Annotated[SegmentCommand, subcommand("segment")]
    | Annotated[Report, subcommand("report")]
    | Annotated[Ask, subcommand("ask")]
    | Annotated[Classify, subcommand("classify")]
    | Annotated[Review, subcommand("review")]
    | Annotated[Serve, subcommand("serve")]
    | Annotated[View, subcommand("view")]
    | Annotated[Weights, subcommand("weights")]
    | Annotated[Doctor, subcommand("doctor")]
)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of `asap`; leaves through SystemExit."""
    command: Any = tyro.cli(
        Command,
        args=arguments,
        prog="asap",
        config=(tyro.conf.OmitSubcommandPrefixes,),
        description="A report sentence finds its region in a chest CT. Research use, not for diagnosis.",
    )
    level = logging.DEBUG if os.environ.get("ASAP_LOG") == "debug" else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    try:
        code = run(command)
    except (KeyboardInterrupt, Cancelled):
        code = _complain("Stopped; nothing half-written was kept.", 1)
    except AsapError as error:
        code = _complain(str(error), error.exit_code)
    except Exception:  # the last line of defence: a sentence for the user, the trace for whoever asks for it
        LOG.debug("unexpected error", exc_info=True)
        code = _complain("Something went wrong that is not your fault; run with ASAP_LOG=debug and report the trace.", 1)
    sys.exit(code)


def run(command: Command) -> int:  # noqa: PLR0911 - one line a command
    """Carry out one parsed command and return its exit code."""
    if isinstance(command, Ground):
        return _ground(command)
    if isinstance(command, SegmentCommand):
        return _segment(command)
    if isinstance(command, Report | Ask | Classify):
        return _answer(command)
    if isinstance(command, Demo):
        return _demo(command)
    if isinstance(command, Review):
        return review(command, print)
    if isinstance(command, Serve):
        return serve(command)
    if isinstance(command, View):
        return view(command)
    return _doctor(command) if isinstance(command, Doctor) else _weights(command.action)


def _ground(command: Ground) -> int:
    from asap.commands.ground import ground_to_folder
    from asap.inference.load import load_engine
    from asap.io.read import read_volume

    sentences = _sentences(command)
    engine = load_engine(command.model)
    volume = read_volume(command.volume)
    with _progress(quiet=command.json) as progress:
        document = ground_to_folder(engine, volume, sentences, command.out, fine=command.fine, progress=progress)
    _show_groundings(document, command.out, as_json=command.json)
    return 0


def _answer(command: Report | Ask | Classify) -> int:
    from asap.commands.ask import ask_to_folder
    from asap.commands.classify import classify_to_folder
    from asap.commands.printing import show_answer, show_draft, show_labels
    from asap.commands.report import report_to_folder
    from asap.inference.load import load_engine
    from asap.io.read import read_volume

    if isinstance(command, Report) and not 0.0 <= command.threshold <= 1.0:
        raise InputError("The threshold is a probability between 0 and 1.")
    engine = load_engine(command.model)
    volume = read_volume(command.volume)
    with _progress(quiet=command.json) as progress:
        if isinstance(command, Report):
            document = report_to_folder(engine, volume, command, progress=progress)
            lines = show_draft(document)
        elif isinstance(command, Ask):
            document = ask_to_folder(engine, volume, command.question, command.out, progress=progress)
            lines = show_answer(document)
        else:
            document = classify_to_folder(engine, volume, command.out, progress=progress)
            lines = show_labels(document)
    print(json.dumps(document, indent=2, ensure_ascii=False) if command.json else lines)
    if not command.json:
        print(f"Written to {command.out}. {document['notice']}")
    return 0


def _demo(command: Demo) -> int:
    from asap.commands.demo import demo_case, open_work_bench
    from asap.commands.ground import ground_to_folder
    from asap.inference.load import load_engine
    from asap.text.read import read_report

    if command.headless is None:
        if command.json:
            raise InputError("--json goes with --headless DIR; the work bench exports JSON itself.")
        return open_work_bench()
    engine = load_engine("asap-mini")
    with _progress(quiet=command.json) as progress:
        progress("fetching the sample case", 0.0)
        case = demo_case()
        document = ground_to_folder(
            engine, case.volume(), read_report(case.report).sentences, command.headless, progress=progress
        )
    if not command.json:
        print(case.origin)
    _show_groundings(document, command.headless, as_json=command.json)
    return 0


def _segment(command: SegmentCommand) -> int:
    from asap.commands.segment import segment_by_unetr, segment_to_folder
    from asap.inference.load import load_engine
    from asap.io.read import read_volume
    from asap.models.catalog import MODELS
    from asap.models.load_unetr import holds_unetr, load_unetr

    folder = Path(command.model)
    if command.model not in MODELS and folder.is_dir() and holds_unetr(folder):
        network, volume = load_unetr(folder), read_volume(command.volume)
        with _progress(quiet=command.json) as progress:
            document = segment_by_unetr(network, volume, command, progress)
    else:
        engine, volume = load_engine(command.model), read_volume(command.volume)
        with _progress(quiet=command.json) as progress:
            document = segment_to_folder(engine, volume, command, progress)
    if command.json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return 0
    for row in document["segments"]:
        print(f"  {row['name']:22} {row['volume_ml']:9.1f} ml {row['longest_diameter_mm']:6.1f} mm {row['mean_hu']:7.0f} HU")
    print(f"Written to {command.out}. {document['notice']}" if document["segments"] else "Nothing was found there.")
    return 0


def _sentences(command: Ground) -> tuple[Any, ...]:
    from asap.text.read import read_report, read_sentence

    if (command.report is None) == (not command.sentence):
        raise InputError("Give either --report FILE or --sentence TEXT, not both and not none.")
    if any(character for text in command.sentence for character in text if "\ud800" <= character <= "\udfff"):
        raise InputError("A sentence is not UTF-8 text.")
    if command.report is None:
        return tuple(replace(read_sentence(text), index=index) for index, text in enumerate(command.sentence))
    try:
        with command.report.open("rb") as file:
            raw = file.read(4 * limits.MAX_REPORT_CHARS + 1)
    except OSError as error:
        raise InputError("The report file cannot be read.") from error
    if len(raw) > 4 * limits.MAX_REPORT_CHARS:
        raise LimitError(f"The report is longer than {limits.MAX_REPORT_CHARS:,} characters.")
    try:
        return read_report(raw.decode("utf-8-sig")).sentences
    except UnicodeDecodeError as error:
        raise InputError("The report is not UTF-8 text; save it again as UTF-8.") from error


def _doctor(command: Doctor) -> int:
    from asap.doctor import examine

    findings = examine()
    if command.json:
        print(json.dumps([vars(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'ok     ' if finding.ok else 'missing'}  {finding.name}: {finding.detail}")
            if finding.remedy:
                print(f"         {finding.remedy}")
    return 0 if all(finding.ok or finding.optional for finding in findings) else 1


def _weights(action: WeightsList | WeightsImport | WeightsVerify | WeightsPath) -> int:
    from asap.commands import weights

    if isinstance(action, WeightsList):
        rows = weights.installed()
        print(
            json.dumps(rows, indent=2)
            if action.json
            else "\n".join(f"{r['name']:10} {r['state']:14} {r['summary']}" for r in rows)
        )
    elif isinstance(action, WeightsVerify):
        print(weights.verified(action.model))
    elif isinstance(action, WeightsPath):
        print(weights.folder_of(action.model))
    else:
        report = weights.imported(action.checkpoint, action.tokenizer, action.text_encoder, action.out)
        print(json.dumps(report, indent=2) if action.json else weights.describe_import(report))
    return 0


def _show_groundings(document: dict[str, Any], out: Path, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for row in document["sentences"]:
        if row["heatmap"] is None:
            print(f"  -    {row['text']}\n         {row['reason']}")
        else:
            confidence = "n/a " if row["confidence"] is None else f"{row['confidence']:.2f}"
            warning = "  (side disagrees with the lungs)" if row["side_check"] == "disagrees" else ""
            print(
                f"  {confidence} {row['text']}  peak R {row['peak_ras_mm'][0]:.0f} A {row['peak_ras_mm'][1]:.0f} "
                f"S {row['peak_ras_mm'][2]:.0f} mm{warning}"
            )
    print(f"Written to {out}. {document['notice']}")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """A progress bar on standard error for people at a terminal, silence for programs."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bars:
        task = bars.add_task("starting", total=1.0)
        yield lambda stage, share: bars.update(task, description=stage, completed=share)


def _complain(sentence: str, code: int) -> int:
    print(f"asap: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
