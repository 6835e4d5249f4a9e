"""The losses that teach a sentence its region: what they reward and what they punish."""

from __future__ import annotations

import torch

from asap_training.objectives.region_supervision import extent_loss, pointing_loss, presence_loss
from asap_training.objectives.sentence_alignment import sentence_alignment_loss

CELLS = 64


def region(*cells: int) -> torch.Tensor:
    fraction = torch.zeros(1, CELLS)
    fraction[0, list(cells)] = 0.5
    return fraction


def log_match(*cells: int, high: float = 0.95, low: float = 0.01) -> torch.Tensor:
    match = torch.full((1, CELLS), low)
    match[0, list(cells)] = high
    return match.log()


def test_pointing_is_zero_only_at_the_region() -> None:
    assert pointing_loss(log_match(3, low=1e-9), region(3)) < 1e-3
    assert pointing_loss(log_match(4), region(3)) > 3.0


def test_pointing_ignores_sentences_without_a_region() -> None:
    assert pointing_loss(log_match(4), torch.zeros(1, CELLS)) == 0.0


def test_extent_prefers_the_whole_region_and_nothing_else() -> None:
    right = extent_loss(log_match(3, 4), region(3, 4))
    assert right < extent_loss(log_match(3), region(3, 4))
    assert right < extent_loss(log_match(3, 4, 5, 6, 7), region(3, 4))


def test_a_hot_spot_for_an_absent_finding_costs() -> None:
    nothing, cold, hot = torch.zeros(1, CELLS), log_match(), log_match(5, 6, 7, 8)
    assert extent_loss(cold, nothing) < extent_loss(hot, nothing)
    assert presence_loss(cold, torch.zeros(1)) < presence_loss(hot, torch.zeros(1))
    assert presence_loss(hot, torch.ones(1)) < presence_loss(cold, torch.ones(1))


def test_losses_stay_finite_at_certainty() -> None:
    certain = torch.zeros(1, CELLS)
    for loss in (pointing_loss(certain, region(1)), extent_loss(certain, region(1)), presence_loss(certain, torch.zeros(1))):
        assert torch.isfinite(loss)


def test_alignment_falls_when_pairs_match_and_spares_sentences_of_one_meaning() -> None:
    generator = torch.Generator().manual_seed(0)
    sentences = torch.randn(6, 16, generator=generator)
    meanings = torch.arange(6)
    matched = sentence_alignment_loss(sentences, sentences, meanings)
    assert matched < sentence_alignment_loss(sentences, sentences.roll(1, dims=0), meanings)
    twice = torch.cat([sentences, sentences])
    spared = sentence_alignment_loss(twice, twice, meanings.repeat(2))
    assert spared < sentence_alignment_loss(twice, twice, torch.arange(12))
