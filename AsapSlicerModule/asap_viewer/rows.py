"""The review as the page shows it: sections with one row a sentence, in words."""

from __future__ import annotations

from typing import Any

from asap.client import SentenceAnswer
from asap.review import Review, ReviewedSentence
from asap.review.word_diff import word_changes

STATE_WORDS = {"draft": "Draft", "accepted": "Accepted", "edited": "Edited", "rejected": "Rejected"}
DOUBT_WORDS = {"held back": "Held back by the draft", "contradicted": "Contradicted", "supported": ""}
ASSERTION_WORDS = {"present": "affirmed"}  # "present" beside "The heart is normal." would read as a finding
SIDE_WORDS = {"agrees": "side agrees with the lungs", "disagrees": "side disagrees with the lungs"}
NO_SECTION = "added"  # asked for one by one


def sections_of(review: Review, colours: dict[int, str]) -> list[dict[str, Any]]:
    """Sections in the order of the report: {"name", "sentences": [row, ...]}. colours: CSS colour of each outlined sentence."""
    sections: list[dict[str, Any]] = []
    for index, sentence in enumerate(review.sentences):
        name = (sentence.answer.section or NO_SECTION).replace("_", " ").capitalize()
        if not sections or sections[-1]["name"] != name:
            sections.append({"name": name, "key": index, "sentences": []})
        sections[-1]["sentences"].append(row_of(index, sentence, colours.get(index, "")))
    return sections


def row_of(index: int, sentence: ReviewedSentence, colour: str) -> dict[str, Any]:
    """One sentence: its words, its state and what the model says, each as text that can be shown as it is."""
    answer, drafted = sentence.answer, sentence.drafted
    return {
        "id": index,
        "text": sentence.text,
        "changes": changes_of(sentence),
        "state": sentence.state,
        "state_text": DOUBT_WORDS[drafted.state] if sentence.doubted and drafted is not None else STATE_WORDS[sentence.state],
        "doubt": drafted.state.replace(" ", "-") if sentence.doubted and drafted is not None else "",
        "remark": "" if drafted is None else drafted.reason if sentence.doubted else drafted.words,
        "assertion": finding_of(answer),
        "confidence": confidence_of(sentence),
        "reason": answer.reason or "",
        "side": SIDE_WORDS.get(answer.side_check, ""),
        "side_warns": answer.side_check == "disagrees",
        "colour": colour,
        "mapped": answer.map is not None,
    }


def changes_of(sentence: ReviewedSentence) -> list[list[str]]:
    """An edited sentence against its draft, as [same | removed | added, words] runs; empty where no word was changed."""
    return [] if sentence.text == sentence.draft else [list(change) for change in word_changes(sentence.draft, sentence.text)]


def finding_of(answer: SentenceAnswer) -> str:
    """Assertion and side in one: "affirmed, left"; nothing where the sentence states nothing with a place."""
    if not answer.localisable and answer.assertion != "absent":
        return ""
    return ", ".join(word for word in (ASSERTION_WORDS.get(answer.assertion, answer.assertion), answer.laterality) if word)


def confidence_of(sentence: ReviewedSentence) -> str:
    """The calibrated probability, or that there is none; empty where there is no place, nor a draft, to be confident of."""
    if sentence.sure is not None and (sentence.answer.map is not None or sentence.drafted is not None):
        return f"confidence {sentence.sure:.0%}"
    return "" if sentence.answer.map is None else "confidence not calibrated"


def place_text(ras_mm: tuple[float, float, float]) -> str:
    """A place, RAS+ mm, as a reader says it: "L 20 \u00b7 A 126 \u00b7 S 747 mm"."""
    names = (("R", "L"), ("A", "P"), ("S", "I"))
    return " \u00b7 ".join(f"{pair[0 if mm >= 0 else 1]} {abs(mm):.0f}" for mm, pair in zip(ras_mm, names, strict=True)) + " mm"


def css(colour: tuple[float, float, float]) -> str:
    """sRGB 0..1 as CSS."""
    return "rgb({:.0f} {:.0f} {:.0f})".format(*(255 * part for part in colour))
