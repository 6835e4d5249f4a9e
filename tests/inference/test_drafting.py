"""A draft does not deny what a question about it would be answered with a yes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from asap.drafts import Draft, FindingEstimate
from asap.grounding import Grounding
from asap.inference.drafting import AGAINST_ANSWER, claims_of, draft_of
from asap.report import Sentence

CENTRE = (0.0, 0.0, 0.0)
UNSEEN = [FindingEstimate("pleural_effusion", side, None, 0.06, CENTRE) for side in ("left", "right")]


def without_a_place(sentences: Sequence[Sentence]) -> list[Grounding]:
    return [
        Grounding(
            sentence=sentence, heatmap=None, affine=np.eye(4), threshold=None, peak_ras_mm=None, confidence=None, tokens=None,
            side_check="not applicable", reason=sentence.reason, weights_sha256="",
        )
        for sentence in sentences
    ]  # fmt: skip


def drafted(asked: float | None) -> Draft:
    claims = claims_of(UNSEEN, lambda _: None, lambda _: asked)
    return draft_of(claims, (), without_a_place, threshold=0.3, author="test", weights_sha256="")


@pytest.mark.parametrize("asked", [0.1, 0.5, None])
def test_what_nobody_would_affirm_is_denied(asked: float | None) -> None:
    (sentence,) = drafted(asked).sentences
    assert (sentence.text, sentence.state, sentence.flags) == ("No pleural effusion.", "supported", ())
    assert sentence.probability == pytest.approx(0.94)


def test_a_denial_that_a_question_would_contradict_is_held_out_of_the_text_and_says_why() -> None:
    draft = drafted(0.65)
    (sentence,) = draft.sentences
    assert (sentence.state, sentence.flags) == ("contradicted", (AGAINST_ANSWER,))
    assert sentence.reason == "Asked about it, this model says yes: 65%."
    assert "effusion" not in draft.text()
