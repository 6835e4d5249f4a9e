"""A sentence as a few words of a small closed language: what the embedded text encoder reads beside the plain text."""

from __future__ import annotations

from asap.report import Sentence
from asap.text.modifiers import MODIFIERS, find_modifiers
from asap.text.normality import states_normality
from asap.text.tokens import tokenise
from asap.text.vocabulary import ANATOMY, FINDINGS

_SIZE_BINS: tuple[tuple[str, float], ...] = (("<6", 6.0), ("6-10", 10.0), ("10-20", 20.0), ("20-30", 30.0), ("30-50", 50.0))
_LARGEST_BIN = ">50"

# Shipped weights hold one row per token, so this tuple is frozen: a new key in FINDINGS, ANATOMY or MODIFIERS needs new weights.
CONCEPT_VOCABULARY: tuple[str, ...] = (
    *(f"assert:{assertion}" for assertion in ("present", "absent", "uncertain")),
    "state:normal",
    *(f"side:{side}" for side in ("left", "right", "bilateral")),
    *(f"size:{name}" for name, _ in _SIZE_BINS),
    f"size:{_LARGEST_BIN}",
    *(f"anatomy:{key}" for key in ANATOMY),
    *(f"finding:{key}" for key in FINDINGS),
    *(f"modifier:{key}" for key in MODIFIERS),
)
_RANK = {token: rank for rank, token in enumerate(CONCEPT_VOCABULARY)}


def concept_tokens(sentence: Sentence) -> tuple[str, ...]:
    """Tokens of `sentence`, each once, in the order of CONCEPT_VOCABULARY.

    Where something is stated present or uncertain, what the same sentence states absent is left out, and so are the places and
    sides of it; sides and places are those of the sentence where it states no finding.
    """
    told = [finding for finding in sentence.findings if finding.assertion != "absent"] or list(sentence.findings)
    words = tokenise(sentence.text)
    tokens = {f"assert:{sentence.assertion}"}
    tokens.update(f"anatomy:{key}" for key in sentence.anatomy)
    for finding in told:
        tokens.add(f"finding:{finding.concept}")
        if finding.anatomy is not None:
            tokens.add(f"anatomy:{finding.anatomy}")
        if finding.side is not None:
            tokens.add(f"side:{finding.side}")
        if finding.size_mm is not None:
            tokens.add(f"size:{_size_bin(finding.size_mm)}")
    if sentence.laterality is not None and not any(token.startswith("side:") for token in tokens):
        tokens.add(f"side:{sentence.laterality}")
    if states_normality(sentence.text):
        tokens.add("state:normal")
    tokens.update(f"modifier:{key}" for key in find_modifiers(words))
    return tuple(sorted(tokens, key=_RANK.__getitem__))


def _size_bin(size_mm: float) -> str:
    return next((name for name, upper in _SIZE_BINS if size_mm < upper), _LARGEST_BIN)
