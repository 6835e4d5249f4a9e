"""The reviewed report as a file: the text a reader would send, or a document of `asap.review`. No maps; written whole or not."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from asap.review import Review, time_now
from asap.review.documents import review_json, review_markdown
from asap.review.fhir import diagnostic_report

from .i18n import _


def reviewed_text(review: Review) -> str:
    """The report as it stands, without what was rejected or is in doubt; what nobody has reviewed is marked so."""
    lines, section = [review.notice, ""], None
    for sentence in review.sentences:
        if not sentence.in_report:
            continue
        if sentence.answer.section != section:
            section = sentence.answer.section
            lines.append(f"{(section or _('added')).upper()}:")
        said = sentence.text if sentence.state != "draft" else _("[not reviewed] {text}").format(text=sentence.text)
        remark = "" if sentence.drafted is None else sentence.drafted.words
        lines.append(f"{said} [{remark}]" if remark else said)
    left_out = sum(not sentence.in_report for sentence in review.sentences)
    readers = sorted({step.author for sentence in review.sentences for step in sentence.decisions if step.author})
    text = _("{done} of {all} sentences reviewed, {left_out} left out; {readers}; {time}")
    told = text.format(
        done=review.reviewed,
        all=review.reviewed + review.waiting,
        left_out=left_out,
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
    """Write the review as the file's ending says. ValueError, with what to do; an older file stays then.

    .fhir.json: a FHIR R4 DiagnosticReport; .json: every decision; .md: Markdown; else plain text.
    """
    name = path.name.lower()
    kinds = ((".fhir.json", diagnostic_report), (".json", review_json), (".md", review_markdown))
    content = next((make for ending, make in kinds if name.endswith(ending)), reviewed_text)(review)
    try:
        write_whole(path, content.encode())
    except OSError as error:
        raise ValueError(_("The report could not be written there; choose another folder.")) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. OSError; an older file stays then."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=".asap-", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        raise
