"""The heads for whole studies outlive a run: they are written with its weights, taken up again, and tell findings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from asap.models.asap import Asap
from asap.models.catalog import TEST_WORDS
from asap.models.load import LoadedAsap, load_model
from asap.models.wordpiece import WordPiece
from asap.phantom.case import generate_case
from asap_training.ablation.command import with_study_heads_folded
from asap_training.data.batch import collate
from asap_training.initial_weights import Start, start_from
from asap_training.loop.distributed import Ranks
from asap_training.loop.optim import adamw
from asap_training.loop.step import prepared, train_step
from asap_training.pretraining_model import PretrainingModel
from asap_training.published_names import ADDED, write_trained
from asap_training.study_scores import finding_scores, stored_heads, study_table
from tests.training.processes import small
from tests.training.synthetic import SyntheticReports

TOKENIZER = WordPiece.from_vocabulary(TEST_WORDS)


def trained(steps: int = 2) -> PretrainingModel:
    """A model after some steps, so that nothing is at its first value."""
    recipe = small()
    torch.manual_seed(1)
    model = PretrainingModel(recipe).train()
    training = prepared(recipe, Ranks(0, 1, torch.device("cpu")), model, adamw(model, recipe.optimisation))
    for step in range(steps):
        train_step(training, [collate([SyntheticReports(recipe)[2 * step + n] for n in range(2)])], 1e-2)
    return model


def test_what_the_corrected_recipe_adds_is_written_and_taken_up_again(tmp_path: Path) -> None:
    before = trained()
    write_trained(before, TOKENIZER, tmp_path, "a test")
    torch.manual_seed(2)
    after = PretrainingModel(before.recipe)
    first = {name: value.clone() for name, value in after.state_dict().items() if name.startswith(ADDED)}
    assert {name.split(".")[0] for name in first} == {"study_heads", "fusion"}
    start_from(after, Start(weights=tmp_path))
    trained_state = before.state_dict()
    for name, value in after.state_dict().items():
        assert torch.equal(value, trained_state[name]), name
    assert all(not torch.equal(value, trained_state[name]) for name, value in first.items())
    heads = stored_heads(tmp_path)
    assert heads is not None and before.study_heads is not None
    assert all(torch.equal(a, b) for a, b in zip(heads.parameters(), before.study_heads.parameters(), strict=True))


def test_a_recipe_without_such_heads_starts_from_weights_that_have_them(tmp_path: Path) -> None:
    before = trained(0)
    write_trained(before, TOKENIZER, tmp_path, "a test")
    plain = replace(before.recipe, weights=replace(before.recipe.weights, study=0.0), similarity_bias=False)
    after = PretrainingModel(plain)
    start_from(after, Start(weights=tmp_path))
    assert torch.equal(after.report_head.norm.weight, before.report_head.norm.weight)
    write_trained(after, TOKENIZER, tmp_path, "a test")
    assert stored_heads(tmp_path) is None
    assert study_table(tmp_path, []) is None


def study_side(model: PretrainingModel) -> tuple[Asap, torch.Tensor]:
    """The inference half of a trained model, and images it tells apart."""
    torch.manual_seed(3)
    return model.asap.eval(), torch.rand(3, 1, 1, *model.recipe.model.encoder.volume_shape) * 2 - 1


def test_a_study_is_read_as_the_training_step_reads_it() -> None:
    """The image's vector equals that of the model with nothing hidden, and p is the softmax of both cosines."""
    model = trained()
    heads = model.study_heads
    assert heads is not None
    asap, images = study_side(model)
    scores = finding_scores(asap, heads, TOKENIZER, images, ("nodule", "pleural_effusion"))
    assert scores.shape == (3, 2) and (scores > 0).all() and (scores < 1).all()
    with torch.no_grad():
        vectors = []
        for text in ("There is pleural effusion.", "There is pleural fluid.", "No pleural effusion."):
            words = TOKENIZER.encode_sentence(text)
            states_1LD = asap.encode_text(torch.from_numpy(words.ids[None]))
            sentence_11D = asap.sentence_features(states_1LD, torch.from_numpy(words.sentence_ids[None]))
            image_1ND = asap.project_image(asap.encode_image(images[0]))
            image_1D, text_1D, scale = model._study(image_1ND, sentence_11D, torch.ones(1, 1, dtype=torch.bool))
            vectors.append(text_1D[0])
        mean = F.normalize(vectors[0] + vectors[1], dim=-1)
        wanted = (scale * torch.stack([mean, vectors[2]]) @ image_1D[0]).softmax(-1)[0]
    assert scores[0, 1] == pytest.approx(float(wanted), rel=1e-4)


def test_folded_heads_say_the_same(tmp_path: Path) -> None:
    """Where a row of the ablation folds them into the projections, what is written beside changes nothing a second time."""
    model = trained()
    model.recipe = replace(model.recipe, weights=replace(model.recipe.weights, alignment=0.0, region=0.0))
    assert model.study_heads is not None
    asap, images = study_side(model)
    before = finding_scores(asap, model.study_heads, TOKENIZER, images)
    with_study_heads_folded(model)
    assert np.allclose(finding_scores(asap, model.study_heads, TOKENIZER, images), before, atol=1e-4)


def test_findings_of_whole_generated_chests_are_told(tmp_path: Path) -> None:
    write_trained(trained(), TOKENIZER, tmp_path, "a test")
    assert isinstance(load_model(tmp_path), LoadedAsap)
    cases = [generate_case(seed, spacing_mm=10.0, required=("mass",) if seed else ()) for seed in range(2)]
    told = study_table(tmp_path, cases)
    assert told is not None
    assert told.startswith("Whole studies, zero-shot by the study heads: 2 cases")
    both = [set(f.concept for f in case.findings) for case in cases]
    assert all(f"\n{concept} " in told for concept in both[0] ^ both[1])
