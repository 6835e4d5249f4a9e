"""`asap report`: a drafted report of one chest CT whose every sentence is tied to a place and a confidence."""

from __future__ import annotations

from typing import Any

from asap.commands.answer_options import Report
from asap.commands.classify import label_record, rounded
from asap.commands.folder import NOTICE, case_record, grounding_record, prepare_folder, write_listing, write_maps
from asap.drafts import Draft, DraftSentence
from asap.figures import report_png
from asap.figures.doubt import Doubt
from asap.inference.beam_search import StopRules
from asap.inference.course import Progress, no_progress
from asap.inference.engine import Engine
from asap.inference.writers import REPORT_PROMPT, load_writer, read_cells
from asap.io.atomic import write_bytes
from asap.volume import Volume


def report_to_folder(engine: Engine, volume: Volume, options: Report, *, progress: Progress = no_progress) -> dict[str, Any]:
    """Draft a report and write its maps and pictures, `report.md`, `report.png` and, last, `report.json`; returns its content.

    Raises InputError or WeightsError before anything is written.
    """
    out, trunk = options.out, engine.grounder.weights_sha256
    writer = None if options.decoder is None else load_writer(options.decoder, trunk, options.language)
    features = engine.encode(volume, progress=progress)
    if writer is None:
        draft = engine.draft(features, volume, threshold=options.threshold, progress=progress)
    else:
        progress("writing", 0.0)
        text = writer.write(read_cells(features)[0], REPORT_PROMPT, StopRules())
        draft = engine.draft_written(features, text, writer.name, threshold=options.threshold)
    prepare_folder(out, "report.json")
    told = [sentence for sentence in draft.sentences if sentence.section == "findings"]
    files = {}
    for number, sentence in enumerate(told):
        progress("drawing", number / max(1, len(told)))
        files[sentence.text] = write_maps(sentence.grounding, volume, out)
    doubts = {one.grounding.sentence.index: Doubt(one.state, one.reason or "") for one in told if one.state != "supported"}
    probabilities = {one.grounding.sentence.index: one.probability for one in told if one.probability is not None}
    report_png(volume, [sentence.grounding for sentence in told], out / "report.png", doubts, probabilities)
    write_bytes(out / "report.md", markdown(draft).encode())
    document = case_record(engine, features, volume) | {
        "author": draft.author,
        "threshold": draft.threshold,
        "text": draft.text(),
        "sentences": [sentence_record(sentence) | files[sentence.text] for sentence in draft.sentences],
        "labels": [label_record(label) for label in draft.labels],
    }
    write_listing(out, "report.json", document)
    progress("drawing", 1.0)
    return document


def sentence_record(sentence: DraftSentence) -> dict[str, Any]:
    """One drafted sentence: its grounding, and what was decided about it."""
    return grounding_record(sentence.grounding) | {
        "organ": sentence.organ,
        "probability": rounded(sentence.probability),
        "state": sentence.state,
        "flags": list(sentence.flags),
        "held_back_because": sentence.reason,
    }


def markdown(draft: Draft) -> str:
    """The draft for a person to read: what is kept, organ by organ, then what was held back and why."""
    lines = ["# Drafted report", "", f"> {NOTICE}", "", "## Findings", ""]
    kept = [s for s in draft.sentences if s.state == "supported"]
    organ = None
    for sentence in (s for s in kept if s.section == "findings"):
        if sentence.organ != organ:
            organ = sentence.organ
            lines += ["", f"**{organ}**", ""]
        lines.append(f"- {sentence.text} {_certainty(sentence)}")
    lines += ["", "## Impression", ""]
    impression = [s for s in kept if s.section == "impression"]
    lines += [f"{n}. {s.text} {_certainty(s)}" for n, s in enumerate(impression, 1)]
    lines += [] if impression else ["No finding of those this model looks for."]
    rest = [s for s in draft.sentences if s.state != "supported"]
    if rest:
        lines += ["", f"## Held back (under {draft.threshold:.0%}, or contradicted)", ""]
        lines += [f"- {s.text} {_certainty(s)}{'; ' + '; '.join(s.flags) if s.flags else ''}" for s in rest]
    return "\n".join(lines) + "\n"


def _certainty(sentence: DraftSentence) -> str:
    return "(no calibrated confidence)" if sentence.probability is None else f"({sentence.probability:.0%})"
