"""The reviewed report as a document: JSON with every decision, or the text a reader would send. No maps; written whole or not."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asap.review import Review, ReviewedSentence, time_now

from .i18n import _

FORMAT, FORMAT_VERSION = "asap-reviewed-report", 1
ANSWER_FIELDS = ("section", "assertion", "laterality", "localisable", "reason", "confidence", "peak_ras_mm", "side_check")


def reviewed_json(review: Review) -> str:
    """All that was drafted, said by the model and decided. Points are in RAS+ mm, times in UTC."""
    document = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "notice": review.notice,
        "exported_utc": time_now(),
        "model": review.model,
        "report": review.report,
        "sentences": [_record(index, sentence) for index, sentence in enumerate(review.sentences)],
        "signature": None if review.signature is None else asdict(review.signature),
        "amendments": [asdict(one) for one in review.amendments],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def reviewed_text(review: Review) -> str:
    """The report as it stands: rejected sentences left out, those nobody has reviewed marked so."""
    lines, section = [review.notice, ""], None
    for sentence in review.sentences:
        if sentence.state == "rejected":
            continue
        if sentence.answer.section != section:
            section = sentence.answer.section
            lines.append(f"{(section or _('added')).upper()}:")
        lines.append(sentence.text if sentence.state != "draft" else _("[not reviewed] {text}").format(text=sentence.text))
    rejected = sum(sentence.state == "rejected" for sentence in review.sentences)
    readers = sorted({step.author for sentence in review.sentences for step in sentence.decisions if step.author})
    text = _("{done} of {all} sentences reviewed, {rejected} rejected and left out; {readers}; {time}")
    told = text.format(
        done=review.reviewed,
        all=len(review.sentences),
        rejected=rejected,
        readers=", ".join(readers) or _("unnamed"),
        time=time_now(),
    )
    if review.signature is not None:
        text = _("Signed by {author}, {time}; digest {digest}.")
        told += "\n" + text.format(author=review.signature.author, time=review.signature.time_utc, digest=review.signature.sha256)
    amendments = [
        _("Amendment, {author}, {time}: {text}").format(author=one.author, time=one.time_utc, text=one.text)
        for one in review.amendments
    ]
    return "\n".join([*lines, "", told, *amendments, ""])


def write_report(path: Path, review: Review) -> None:
    """Write the review as the file's ending says: .json, else text. ValueError, with what to do; an older file stays then."""
    content = reviewed_json(review) if path.suffix.lower() == ".json" else reviewed_text(review)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=".asap-", delete=False) as file:
            temporary = Path(file.name)
            file.write(content.encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        raise ValueError(_("The report could not be written there; choose another folder.")) from error


def _record(index: int, sentence: ReviewedSentence) -> dict[str, Any]:
    return {
        "index": index,
        "text": sentence.text,
        "draft": sentence.draft,
        "state": sentence.state,
        "decisions": [asdict(decision) for decision in sentence.decisions],
        "weights_sha256": sentence.weights_sha256,
        **{name: getattr(sentence.answer, name) for name in ANSWER_FIELDS},
    }
