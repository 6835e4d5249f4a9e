"""A causal language model small enough for a test: random weights, real classes, saved as a user would have it."""

from __future__ import annotations

from pathlib import Path

WORDS = (
    "<pad>", "<end>", "<unk>", "write", "the", "findings", "and", "impression", "of", "this", "chest", "ct", ".", ":", "?", "is",
    "there", "a", "nodule", "in", "left", "right", "lung", "no", "pleural", "effusion", "heart", "normal", "yes", "on", "mass",
)  # fmt: skip


def write_tiny_language(folder: Path, seed: int = 0) -> Path:
    """A two-layer Llama with a whole-word tokenizer, in `folder`."""
    import torch

    from asap.torchvision_guard import guard_torchvision

    guard_torchvision()
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", unk_token="<unk>")
    config = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, pad_token_id=0, eos_token_id=1, bos_token_id=1,
        initializer_range=0.3,  # its head stays as it is drawn: it must be able to prefer one word
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder, safe_serialization=True)
    fast.save_pretrained(folder)
    return folder
