"""BERTScore: equal to the formula computed another way, on a small BERT with random weights made here."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from asap.errors import InputError
from asap_training.tasks.bert_score import BertScorer

WORDS = (
    "[PAD]",
    "[CLS]",
    "[SEP]",
    "[UNK]",
    "there",
    "is",
    "a",
    "nodule",
    "mass",
    "in",
    "the",
    "left",
    "right",
    "lung",
    "no",
    ".",
)
REFERENCES = ["There is a nodule in the left lung.", "No mass.", "A mass in the right lung. No nodule."]
DRAFTS = ["A nodule in the right lung.", "No mass.", "There is a mass."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from asap.torchvision_guard import guard_torchvision

    guard_torchvision()
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    marks = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=64, initializer_range=0.5,
    )  # fmt: skip
    out = tmp_path_factory.mktemp("bert")
    BertModel(config).save_pretrained(out, safe_serialization=True)
    fast.save_pretrained(out)
    return out


def by_hand(folder: Path, layer: int, *, rare_weigh_more: bool) -> tuple[float, float, float]:
    """The published formula, piece by piece in plain loops."""
    from transformers import BertModel

    model = BertModel.from_pretrained(folder).eval()
    pieces = [[t.lower().replace(".", " .").split() for t in texts] for texts in (REFERENCES, DRAFTS)]
    containing = {w: sum(w in text for text in pieces[0]) for w in WORDS}

    def weight(word: str) -> float:
        return math.log((len(REFERENCES) + 1) / (containing[word] + 1)) if rare_weigh_more else 1.0

    def vectors(words: list[str]) -> np.ndarray:
        ids = torch.tensor([[1, *(WORDS.index(w) for w in words), 2]])
        with torch.no_grad():
            return model(ids, output_hidden_states=True).hidden_states[layer][0, 1:-1].double().numpy()

    totals = np.zeros(3)
    for reference, draft in zip(*pieces, strict=True):
        x, y = vectors(reference), vectors(draft)
        alike = [[float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for b in y] for a in x]
        recall = sum(weight(w) * max(row) for w, row in zip(reference, alike, strict=True)) / sum(map(weight, reference))
        columns = list(zip(*alike, strict=True))
        precision = sum(weight(w) * max(col) for w, col in zip(draft, columns, strict=True)) / sum(map(weight, draft))
        totals += np.array([precision, recall, 2 * precision * recall / (precision + recall)])
    p, r, f = totals / len(REFERENCES)
    return float(p), float(r), float(f)


@pytest.mark.slow
@pytest.mark.parametrize("rare_weigh_more", [False, True])
@pytest.mark.parametrize("layer", [1, 2])
def test_it_is_the_published_formula(folder: Path, layer: int, rare_weigh_more: bool) -> None:
    found = BertScorer(folder, layer=layer).score(REFERENCES, DRAFTS, rare_weigh_more=rare_weigh_more)
    assert (found.precision, found.recall, found.f1) == pytest.approx(
        by_hand(folder, layer, rare_weigh_more=rare_weigh_more), abs=1e-6
    )


@pytest.mark.slow
def test_a_text_is_like_itself_and_an_empty_one_like_nothing(folder: Path) -> None:
    scorer = BertScorer(folder)
    assert scorer.score(REFERENCES, REFERENCES).f1 == pytest.approx(1.0, abs=1e-6)
    assert scorer.score(["No mass."], [""]).f1 == 0.0
    assert scorer.score(["No mass."], ["A nodule."]).f1 < 0.99
    with pytest.raises(ValueError, match="reference"):
        scorer.score(["No mass."], [])


def test_a_folder_that_could_run_code_and_a_layer_that_is_not_there_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="layers 0 to 2"):
        BertScorer(folder, layer=3)
    with pytest.raises(InputError):
        BertScorer(tmp_path)
