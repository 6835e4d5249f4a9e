"""The small report decoder and its search."""

from __future__ import annotations

import pytest
import torch

from asap.errors import Cancelled
from asap.inference.beam_search import END, StopRules, searched
from asap.inference.writers import SmallWriter
from asap.models.report_decoder import SPECIAL, ReportDecoder, ReportDecoderConfig, vocabulary
from asap_training.data.told_batch import word_batch
from asap_training.data.told_cases import Told
from asap_training.told_loop import ToldRecipe, fine_tune

TOLD = (
    Told("one", "", "There is a nodule in the left lung. No pleural effusion."),
    Told("two", "", "The heart is normal. No pleural effusion."),
)


def cells_of(name: str) -> torch.Tensor:
    return torch.randn(27, 6, generator=torch.Generator().manual_seed(sum(name.encode())))


def small(words: tuple[str, ...]) -> ReportDecoder:
    torch.manual_seed(0)
    return ReportDecoder(ReportDecoderConfig(cell_numbers=6, width=32, inner=32, heads=4, slots=4, longest=30, words=words))


@pytest.mark.slow
def test_it_memorises_a_tiny_set_streams_it_and_stops_when_cancelled() -> None:
    decoder = small(vocabulary((t.answer for t in TOLD), least=1))
    losses: list[float] = []
    fine_tune(decoder, TOLD, cells_of, ToldRecipe(steps=150, batch=2, rate=1e-2), on_step=lambda _n, loss: losses.append(loss))
    assert losses[-1] < 0.1 < losses[0]
    writer, pieces = SmallWriter(decoder, "small"), []
    for told in TOLD:
        assert writer.write(cells_of(told.volume), "", StopRules()) == told.answer
    writer.write(cells_of("one"), "", StopRules(beams=1), on_text=pieces.append)
    assert "".join(pieces) == TOLD[0].answer.lower()

    def cancel() -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        writer.write(cells_of("one"), "", StopRules(), pause=cancel)


def table(rows: dict[tuple[int, ...], dict[int, float]], size: int = 8):
    """A model of the next token from a table: what is not in it is very unlikely."""

    def next_log_probs(ids_BT: torch.Tensor) -> torch.Tensor:
        out = torch.full((len(ids_BT), size), -50.0)
        for row, ids in zip(out, ids_BT.tolist(), strict=True):
            for token, p in rows.get(tuple(ids[1:]), {END: 1.0}).items():
                row[token] = torch.tensor(p).log()
        return out

    return next_log_probs


def test_beams_find_what_a_greedy_search_misses() -> None:
    rows = {(): {4: 0.6, 5: 0.4}, (4,): {6: 0.34, 7: 0.33, END: 0.33}, (5,): {6: 1.0}}
    assert list(searched(table(rows), 2, StopRules(beams=1))) == [4, 6]
    assert list(searched(table(rows), 2, StopRules(beams=3))) == [5, 6]


def test_no_trigram_is_written_twice_and_length_ends_the_text() -> None:
    endless = table({}, 8)

    def repeats(ids_BT: torch.Tensor) -> torch.Tensor:
        out = endless(ids_BT)
        out[:, END] = -60.0
        out[:, 4] = 0.0
        out[:, 5] = -5.0
        return out

    ids = list(searched(repeats, 2, StopRules(longest=20, beams=2)))
    grams = [tuple(ids[n : n + 3]) for n in range(len(ids) - 2)]
    assert len(grams) == len(set(grams))
    assert len(ids) == 20
    assert list(searched(repeats, 2, StopRules(longest=5, beams=1, blocked_gram=0))) == [4] * 5


def test_the_vocabulary_keeps_what_occurs_often_enough() -> None:
    words = vocabulary(["No effusion. No mass.", "no mass", "no"], least=2)
    assert words[:4] == SPECIAL
    assert set(words[4:]) == {"no", "mass", "."}


def test_abnormal_sentences_count_more() -> None:
    decoder = small(vocabulary((t.answer for t in TOLD), least=1))
    weights = word_batch(decoder, TOLD[:1]).weight_BT[0].tolist()
    assert weights == [0.0] + [2.0] * 9 + [1.0] * 4 + [1.0]
