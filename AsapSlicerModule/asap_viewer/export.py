"""The reviewed report as a document: what was drafted, what was decided by whom and when, and what the model said. No maps."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from AsapSlicerLib.review import Review, ReviewedSentence

FORMAT = "asap-reviewed-report"
FORMAT_VERSION = 1
ANSWER_FIELDS = ("section", "assertion", "laterality", "localisable", "reason", "confidence", "peak_ras_mm", "side_check")


def reviewed_report(review: Review) -> str:
    """The document as indented JSON. Points are in RAS+ mm, times in UTC."""
    document = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "notice": review.notice,
        "exported_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": review.model,
        "report": review.report,
        "sentences": [_record(index, sentence) for index, sentence in enumerate(review.sentences)],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _record(index: int, sentence: ReviewedSentence) -> dict[str, Any]:
    answer = {name: getattr(sentence.answer, name) for name in ANSWER_FIELDS}
    decisions = [asdict(decision) for decision in sentence.decisions]
    return {
        "index": index,
        "text": sentence.text,
        "draft": sentence.draft,
        "state": sentence.state,
        "decisions": decisions,
        "weights_sha256": sentence.weights_sha256,
        **answer,
    }
