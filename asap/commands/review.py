"""`asap review`: answers of any model judged blind by several readers, their agreement, and the verdicts as a training set."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg, subcommand

from asap.commands.judge import Judge
from asap.commands.review_documents import write_documents
from asap.errors import InputError
from asap.io.atomic import write_bytes
from asap.review import ReviewError, study, study_results
from asap.review.answer_lists import read_answers
from asap.review.documents import NOTICE
from asap.review.study import Study
from asap.review.worklist import progress


@dataclass(frozen=True)
class ReviewNew:
    """Begin a blind reading: a list for every reader, and the key that says which model gave which answer."""

    answers: Positional[Annotated[Path, arg(metavar="ANSWERS")]]
    """CSV or JSON list with case, question, answer and model."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Folder of the reading; key.json in it stays with you, reader-N goes to reader N."""
    readers: Annotated[tuple[str, ...], arg(metavar="NAME")] = ("reader 1",)
    """Who reads."""
    seed: int = 0
    """Of the blind orders."""


@dataclass(frozen=True)
class ReviewJudge:
    """Judge one reader's list by keyboard; stop at any time, go on where you were."""

    folder: Positional[Annotated[Path, arg(metavar="READER")]]
    """Folder of the reader, such as DIR/reader-1."""
    name: Annotated[str, arg(metavar="NAME")] = ""
    """Name beside the verdicts; by default the one the list was made for."""


@dataclass(frozen=True)
class ReviewStatus:
    """How far every reader is; checks that no list or audit trail was changed."""

    folder: Positional[Annotated[Path, arg(metavar="DIR")]]
    """Folder of the reading."""
    json: bool = False
    """Print as JSON on standard output."""


@dataclass(frozen=True)
class ReviewAgreement:
    """Fleiss' and Cohen's kappa with 95 % intervals, time per answer, and what was said of each model."""

    folder: Positional[Annotated[Path, arg(metavar="DIR")]]
    """Folder of the reading."""
    json: bool = False
    """Print as JSON on standard output."""


@dataclass(frozen=True)
class ReviewExport:
    """Write verdicts as JSON lines: a training set, or with --verdicts every verdict, or with --blind those without names."""

    folder: Positional[Annotated[Path, arg(metavar="DIR")]]
    """Folder of the reading."""
    out: Annotated[Path, arg(metavar="FILE")]
    """The .jsonl file to write."""
    verdicts: bool = False
    """Every verdict of every reader instead of the training set."""
    blind: bool = False
    """Every verdict, models called A, B, ... and cases numbered."""


@dataclass(frozen=True)
class ReviewDocument:
    """Write a reviewed report as JSON, Markdown, PDF and FHIR, and with --series as DICOM SEG, SR and parametric maps."""

    source: Positional[Annotated[Path, arg(metavar="REVIEW")]]
    """Folder of a review, or the file the work bench saved."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Folder for the documents."""
    series: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Folder of the DICOM series the review is about."""


ReviewAction = (
    Annotated[ReviewNew, subcommand("new")]
    | Annotated[ReviewJudge, subcommand("judge")]
    | Annotated[ReviewStatus, subcommand("status")]
    | Annotated[ReviewAgreement, subcommand("agreement")]
    | Annotated[ReviewExport, subcommand("export")]
    | Annotated[ReviewDocument, subcommand("document")]
)


@dataclass(frozen=True)
class Review:
    """Judge answers of any model blind, measure agreement, export verdicts and reviewed reports."""

    action: ReviewAction


def review(
    command: Review,
    say: Callable[[str], None],
    ask: Callable[[str], str] = input,
    clock_s: Callable[[], float] = time.monotonic,
) -> int:
    """Carry out one action and return its exit code. Raises InputError with one sentence for what cannot be done."""
    action = command.action
    try:
        if isinstance(action, ReviewNew):
            made = study.begin(action.out, read_answers(action.answers), action.readers, action.seed)
            say(_begun(made))
        elif isinstance(action, ReviewJudge):
            Judge(action.folder, action.name, say, ask, clock_s).run()
        elif isinstance(action, ReviewStatus):
            rows = _status(study.opened(action.folder))
            say(json.dumps(rows, indent=2) if action.json else "\n".join(_status_line(row) for row in rows))
        elif isinstance(action, ReviewAgreement):
            found = study_results.agreement(study.opened(action.folder))
            say(json.dumps(found, indent=2) if action.json else _agreement_text(found))
        elif isinstance(action, ReviewDocument):
            say(f"Written to {action.out}: {', '.join(write_documents(action.source, action.out, action.series))}. {NOTICE}")
        else:
            say(_export(action))
    except ReviewError as error:
        raise InputError(str(error)) from error
    return 0


def _begun(made: Study) -> str:
    cases = len({row.case for row in made.listed})
    lines = [f"{len(made.listed)} answers about {cases} cases, {len(made.readers)} readers. key.json stays with you."]
    lines += [f"  asap review judge {study.reader_folder(made.folder, n)}" for n in range(len(made.readers))]
    return "\n".join(lines)


def _status(of: Study) -> list[dict[str, Any]]:
    rows = []
    for reader in range(len(of.readers)):
        kept = of.kept(reader)
        assert kept.review is not None
        rows.append({"reader": reader + 1, **asdict(progress(kept.review)), "audit_sha256": kept.journal.head_sha256})
    return rows


def _status_line(row: dict[str, Any]) -> str:
    seconds = "" if row["median_seconds"] is None else f", median {row['median_seconds']:.1f} s an answer"
    return (
        f"reader {row['reader']}: {row['judged']} of {row['answers']} answers, {row['cases_done']} of {row['cases']} cases"
        f"{seconds}; audit trail holds ({row['audit_sha256'][:12]})"
    )


def _agreement_text(found: dict[str, Any]) -> str:
    lines = []
    if found["fleiss"] is not None:
        lines.append(f"all readers, Fleiss' kappa:  {_kappa_text(found['fleiss'])}")
    lines += [f"readers {a} and {b}, Cohen's kappa: {_kappa_text(row)}" for row in found["cohen"] for a, b in [row["readers"]]]
    for row in found["readers"]:
        seconds = "" if row["median_seconds"] is None else f", median {row['median_seconds']:.1f} s"
        lines.append(f"reader {row['reader']}: {row['judged']} verdicts{seconds}")
    for row in found["models"]:
        better = "".join(f"; preferred {n} times over {other}" for other, n in row["preferred_over"].items())
        lines.append(f"{row['model']}: agree {row['agree']}, disagree {row['disagree']}, unsure {row['unsure']}{better}")
    return "\n".join(lines)


def _kappa_text(row: dict[str, Any]) -> str:
    if row["kappa"] is None:
        return f"not defined, one verdict throughout; {row['items']} answers"
    return f"{row['kappa']:.2f} [{row['low']:.2f}, {row['high']:.2f}], {row['agreement']:.0%} alike, {row['items']} answers"


def _export(action: ReviewExport) -> str:
    of = study.opened(action.folder)
    if action.verdicts or action.blind:
        rows, what = study_results.verdict_rows(of, blind=action.blind), "verdicts"
    else:
        rows, what = study_results.training_rows(of), "answers that most readers judged alike"
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_bytes(action.out, text.encode(), "export")
    return f"Written: {len(rows)} {what}."
