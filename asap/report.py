"""What a report is once it has been read: sections, sentences with their place in the text, and findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Assertion = Literal["present", "absent", "uncertain"]
Side = Literal["left", "right", "bilateral"]


@dataclass(frozen=True)
class Finding:
    """One finding a sentence speaks of. Unknown is None, never guessed.

    concept: a key of `asap.text.vocabulary.FINDINGS`; anatomy: a key of `asap.text.vocabulary.ANATOMY`; size_mm: the largest
    extent stated, in millimetres.
    """

    concept: str
    assertion: Assertion
    anatomy: str | None = None
    side: Side | None = None
    size_mm: float | None = None


@dataclass(frozen=True)
class Sentence:
    """One sentence; `report.text[span[0]:span[1]] == text` holds exactly.

    localisable: whether there is a place to show; where it is False, `reason` says why in words a reader understands.
    anatomy: every anatomical key the sentence names, most specific first.
    """

    index: int
    text: str
    span: tuple[int, int]
    section: str
    assertion: Assertion
    laterality: Side | None
    anatomy: tuple[str, ...]
    findings: tuple[Finding, ...]
    localisable: bool
    reason: str | None


@dataclass(frozen=True)
class Section:
    """A named part of a report ("findings", "impression", ...); `span` covers its text without the heading."""

    name: str
    span: tuple[int, int]
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Report:
    """A whole report. `text` is kept as given, so that spans can be highlighted in it."""

    text: str
    sections: tuple[Section, ...]

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """All sentences in reading order."""
        return tuple(sentence for section in self.sections for sentence in section.sentences)
