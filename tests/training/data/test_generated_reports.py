"""Generated cases as samples of pre-training: what a sentence says, its tokens and its region stay together."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from asap.errors import InputError
from asap.models.catalog import TEST_WORDS
from asap.models.wordpiece import MASK, PAD, WordPiece
from asap.phantom.case import PhantomCase, generate_case
from asap.phantom.case_files import save_case
from asap_training.data.fields_of_view import ORGANS, FieldsOfView
from asap_training.data.generated_reports import GeneratedReports, generated_reports, network_grid
from asap_training.recipes import Recipe, asap_base_paper, asap_test

pytestmark = pytest.mark.slow


@cache
def case() -> PhantomCase:
    return generate_case(3, spacing_mm=6.0, required=("pleural_effusion",))


def long_text(recipe: Recipe) -> Recipe:
    """Room for the whole report, which the small vocabulary spells out letter by letter."""
    return replace(recipe, model=replace(recipe.model, text=replace(recipe.model.text, max_positions=2048)))


def source(tmp_path: Path, recipe: Recipe) -> GeneratedReports:
    save_case(tmp_path / "case-0000003", case())
    return generated_reports(tmp_path, recipe, WordPiece.from_vocabulary(TEST_WORDS, recipe.model.text.max_positions))


def test_sentences_regions_and_keys_agree(tmp_path: Path) -> None:
    recipe = long_text(asap_test())
    cases = source(tmp_path, recipe)
    sample = cases[0]
    told = case().sentences
    assert sample.volume_1HWD.shape == (1, *recipe.model.encoder.volume_shape)
    assert sample.volume_1HWD.abs().max().item() <= 1 + 1e-6
    assert int(sample.findings_sentences_L.max()) == len(sample.sentence_keys_S) == len(sample.regions_SN) == len(told)
    shown = (sample.regions_SN.sum(1) > 0).tolist()
    assert shown == [s.region is not None for s in told]
    same_text = [told[0].text == s.text for s in told]
    assert (sample.sentence_keys_S == sample.sentence_keys_S[0]).tolist() == same_text


def test_a_finding_lies_in_the_organ_it_is_said_to_be_in(tmp_path: Path) -> None:
    """Shares of a left-sided sentence and of the left lung's lobes are on the same side of the grid, flipped or not."""
    cases = source(tmp_path, long_text(asap_test()))
    lobes = [1 + ORGANS.index(name) for name in ("left_upper_lobe", "left_lower_lobe")]
    sided = [i for i, s in enumerate(case().sentences) if s.side in ("left", "right") and s.region is not None]
    assert sided
    for number in range(6):
        sample = cases[number]
        assert sample.organs_NC is not None
        torch.testing.assert_close(sample.organs_NC.sum(1), torch.ones(len(sample.organs_NC)))
        left = sample.organs_NC[:, lobes].sum(1).reshape(6, 6, 6).sum((1, 2))
        centre_of_left = float((left * torch.arange(6)).sum() / left.sum())
        for i in sided:
            share = sample.regions_SN[i].reshape(6, 6, 6).sum((1, 2))
            centre = float((share * torch.arange(6)).sum() / share.sum())
            assert (abs(centre - centre_of_left) < 1.2) == (case().sentences[i].side == "left")


def test_no_left_right_flip_while_a_sentence_names_a_side(tmp_path: Path) -> None:
    """RAS grids have the left lung at the low end of the first axis; only the published recipe ever mirrors it."""
    assert any(s.side in ("left", "right") for s in case().sentences)
    lobes = [1 + ORGANS.index(name) for name in ("left_upper_lobe", "left_lower_lobe")]

    def mirrored(recipe: Recipe) -> int:
        cases = source(tmp_path, recipe)
        flipped = 0
        for number in range(30):
            organs = cases[number].organs_NC
            assert organs is not None
            left = organs[:, lobes].sum(1).reshape(6, 6, 6).sum((1, 2))
            flipped += float((left * torch.arange(6)).sum() / left.sum()) > 2.5
        return flipped

    assert mirrored(asap_test()) == 0
    assert mirrored(replace(asap_test(), keep_sides=False)) > 0


def test_the_published_recipe_scores_and_masks_padding_too(tmp_path: Path) -> None:
    published = replace(long_text(asap_test()), report_scope=asap_base_paper().report_scope)
    sample = source(tmp_path, published)[0]
    assert len(sample.report_ids_L) == 2048
    assert bool(sample.report_scored_L.all())
    assert bool((sample.report_masked_L[sample.report_ids_L == PAD] == MASK).any())
    corrected = source(tmp_path, long_text(asap_test()))[0]
    assert not bool((corrected.report_ids_L == PAD).any())
    assert corrected.report_scored_L.equal(corrected.report_masked_L == MASK)
    assert float(corrected.report_scored_L.float().mean()) == pytest.approx(0.75, abs=0.1)


def test_the_same_number_is_the_same_sample(tmp_path: Path) -> None:
    cases = source(tmp_path, asap_test())
    first, again, other = cases[4], cases[4], cases[5]
    assert first.volume_1HWD.equal(again.volume_1HWD) and first.noise_N.equal(again.noise_N)
    assert not np.array_equal(first.noise_N.numpy(), other.noise_N.numpy())


def test_an_empty_folder_and_a_foreign_tokenizer_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="asap-train generate"):
        generated_reports(tmp_path, asap_test(), WordPiece.from_vocabulary(TEST_WORDS, 16))
    (tmp_path / "case-0000001").mkdir()
    (tmp_path / "case-0000001" / "case.npz").touch()
    with pytest.raises(InputError, match="tokenizer"):
        generated_reports(tmp_path, asap_test(), WordPiece.from_vocabulary((*TEST_WORDS, "more"), 16))


def test_kept_fields_of_view_are_few_and_the_same_in_any_order(tmp_path: Path) -> None:
    """What is kept saves time and decides nothing: a sample stays a pure function of its number."""
    recipe = long_text(asap_test())
    source(tmp_path, recipe)
    tokenizer = WordPiece.from_vocabulary(TEST_WORDS, recipe.model.text.max_positions)

    def kept() -> FieldsOfView:
        return FieldsOfView(tmp_path, network_grid(recipe.model.encoder), kept_per_case=2)

    forwards, backwards = (GeneratedReports(kept(), recipe, tokenizer) for _ in range(2))
    there, back = [forwards[n] for n in range(8)], [backwards[n] for n in reversed(range(8))][::-1]
    for one, other in zip(there, back, strict=True):
        for name in ("volume_1HWD", "regions_SN", "organs_NC", "noise_N"):
            assert torch.equal(getattr(one, name), getattr(other, name))
    fields, rng = kept(), np.random.default_rng(0)
    assert len({id(fields.draw(0, rng)) for _ in range(12)}) == 2
