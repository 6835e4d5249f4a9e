"""The frozen text encoder of the ablation: a small BERT trained once, by masked words, on what the training boxes report.

It stands in for CXR-BERT, which was trained in the same way on real reports: whoever has that file trains `asap_base` itself.
"""

from __future__ import annotations

import string
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from asap.io.atomic import write_bytes
from asap.models.checkpoint_names import sources
from asap.models.config import AsapConfig
from asap.models.text_encoder import TextEncoder
from asap.models.wordpiece import MASK, PAD, SPECIAL_TOKENS, WordPiece
from asap.phantom.case import retold
from asap_training.ablation.boxes import boxes_in
from asap_training.ablation.rows import POSITIONS, text_config
from asap_training.initial_weights import BERT_PREFIX

SEED = 3
BOXES, TELLINGS = 600, 4
FEWEST_USES = 3
STEPS, SENTENCES_PER_STEP, MASKED_SHARE, LEARNING_RATE = 600, 48, 0.3, 2e-3
PIECES = (*".,-/()'%", *string.digits, *string.ascii_lowercase, *(f"##{c}" for c in string.digits + string.ascii_lowercase))
TOKENIZER_NAME, WEIGHTS_NAME = "tokenizer.json", "text_encoder.safetensors"


def text_side(boxes: Path, out: Path) -> tuple[WordPiece, Path]:
    """Tokenizer and text encoder in `out`, made from the boxes when they are not there yet. The same boxes give the same."""
    tokenizer_path, weights_path = out / TOKENIZER_NAME, out / WEIGHTS_NAME
    if not weights_path.exists():
        sentences = _sentences(boxes)
        tokenizer = WordPiece.from_vocabulary(_vocabulary(sentences), POSITIONS)
        out.mkdir(parents=True, exist_ok=True)
        write_bytes(tokenizer_path, tokenizer.to_json().encode(), "tokenizer")
        write_bytes(weights_path, save(_published(_trained(sentences, tokenizer))), "text encoder")
    return WordPiece.from_file(tokenizer_path, POSITIONS), weights_path


def _sentences(boxes: Path) -> list[str]:
    """What the first boxes say in several tellings."""
    out: list[str] = []
    for _, box in islice(boxes_in(boxes), BOXES):
        for telling in range(TELLINGS):
            out += [s.text for s in retold(box, np.random.default_rng([SEED, telling, len(out)])).sentences]
    return out


def _vocabulary(sentences: list[str]) -> tuple[str, ...]:
    """Characters, so that any word can be written, then the words that are used often enough."""
    words = Counter(
        word for text in sentences for word in text.lower().translate(str.maketrans(dict.fromkeys(".,-/()':;%", " "))).split()
    )
    known = {*PIECES, *SPECIAL_TOKENS}
    often = sorted(word for word, uses in words.items() if uses >= FEWEST_USES and word not in known and not word.isdigit())
    return (*PIECES, *often)


def _trained(sentences: list[str], tokenizer: WordPiece) -> TextEncoder:
    """Masked words, the words' own embeddings read the answer."""
    generator = torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    encoder = TextEncoder(text_config(tokenizer.vocabulary_size))
    answer = nn.Linear(encoder.config.width, encoder.config.width)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *answer.parameters()], lr=LEARNING_RATE, weight_decay=0.01)
    rows = [torch.from_numpy(tokenizer.encode_sentence(text).ids) for text in sorted(set(sentences))]
    for step in range(STEPS):
        chosen = [rows[int(n)] for n in torch.randint(len(rows), (SENTENCES_PER_STEP,), generator=generator)]
        ids_BL = nn.utils.rnn.pad_sequence(chosen, batch_first=True, padding_value=PAD)
        hidden_BL = (torch.rand(ids_BL.shape, generator=generator) < MASKED_SHARE) & (ids_BL >= len(SPECIAL_TOKENS))
        states_BLD = encoder(ids_BL.masked_fill(hidden_BL, MASK), (ids_BL != PAD).long())
        logits_TV: Tensor = answer(states_BLD[hidden_BL]) @ encoder.word_embeddings.weight.T
        loss = F.cross_entropy(logits_TV, ids_BL[hidden_BL])
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (step + 1) / 50) * (1 - step / STEPS)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if (step + 1) % 100 == 0:
            print(f"text encoder: step {step + 1} of {STEPS}, loss {loss.item():.3f}", flush=True)
    return encoder.eval()


def _published(encoder: TextEncoder) -> dict[str, Tensor]:
    """The encoder's parameters under a BERT's own names."""
    state, out = encoder.state_dict(), {}
    for ours, theirs in sources(AsapConfig(text=encoder.config)).items():
        if ours.startswith("text_encoder."):
            parts = state[ours.removeprefix("text_encoder.")].chunk(len(theirs))
            out |= {n.removeprefix(BERT_PREFIX): part.contiguous().clone() for n, part in zip(theirs, parts, strict=True)}
    return out
