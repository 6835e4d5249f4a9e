"""What writes text about an encoded case: one interface, two writers, the small decoder and a language model.

Text comes piece by piece as it becomes certain; `pause` is called at every step and ends the writing by raising.
Axes: N cells, C numbers of a cell, T text tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from asap.inference.beam_search import StopRules, searched
from asap.inference.features import StudyFeatures
from asap.models.language_adapter import load_adapter
from asap.models.language_decoder import LanguageDecoder
from asap.models.load_report_decoder import load_report_decoder
from asap.models.report_decoder import ReportDecoder
from asap.pause import Pause, no_pause

OnText = Callable[[str], None]
LARGEST_GRID = 14
REPORT_PROMPT = "Write the findings and the impression of this chest CT."


def no_text(_piece: str) -> None:
    """For callers that wait for the whole."""


class Writer(Protocol):
    """Writes a report, or an answer to a prompt, about one case."""

    name: str

    def write(
        self, cells_NC: Tensor, prompt: str, rules: StopRules, *, on_text: OnText = no_text, pause: Pause = no_pause
    ) -> str:
        """The whole text. on_text: gets each further piece of it. pause: what it raises (`Cancelled`) ends the writing."""
        ...


class SmallWriter:
    """The benchmark's own small decoder. It takes no prompt: it writes the findings of a report."""

    def __init__(self, decoder: ReportDecoder, name: str) -> None:
        self.name = name
        self._decoder = decoder.eval()

    @torch.inference_mode()
    def write(
        self, cells_NC: Tensor, prompt: str, rules: StopRules, *, on_text: OnText = no_text, pause: Pause = no_pause
    ) -> str:
        """The findings; `prompt` is not read."""
        memory_1MD = self._decoder.seen(cells_NC[None].float())
        words: list[str] = []
        for token in searched(
            lambda ids_BT: self._decoder.next_log_probs(memory_1MD, ids_BT), self._decoder.start, rules, pause=pause
        ):
            word = self._decoder.config.words[token]
            on_text(word if not words or word in ".,;:" else f" {word}")
            words.append(word)
        return joined(words)


class LanguageWriter:
    """A causal language model with its visual prefix, through `generate` of transformers."""

    def __init__(self, decoder: LanguageDecoder, name: str) -> None:
        self.name = name
        self._decoder = decoder.eval()

    @torch.inference_mode()
    def write(
        self, cells_NC: Tensor, prompt: str, rules: StopRules, *, on_text: OnText = no_text, pause: Pause = no_pause
    ) -> str:
        """What the language model says after the prompt. With one beam each piece comes as it is written, else all at the end."""
        tokenizer, language = self._decoder.tokenizer, self._decoder.language
        ids_1T = torch.tensor([tokenizer(f"{prompt}\n")["input_ids"]], dtype=torch.long)
        inputs_1SL = self._decoder.embedded(cells_NC[None].float(), ids_1T)
        stream = _Stream(tokenizer, on_text) if rules.beams == 1 else None
        out_1T = language.generate(
            inputs_embeds=inputs_1SL,
            attention_mask=torch.ones(inputs_1SL.shape[:2], dtype=torch.long),
            max_new_tokens=rules.longest,
            num_beams=rules.beams,
            do_sample=False,
            no_repeat_ngram_size=rules.blocked_gram,
            pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id,
            streamer=stream,
            stopping_criteria=[_Pausing(pause)],
        )
        text = str(tokenizer.decode(out_1T[0], skip_special_tokens=True)).strip()
        if stream is None:
            on_text(text)
        return text


class _Stream:
    """What `generate` tells of each token: the text that became longer by it."""

    def __init__(self, tokenizer: Any, on_text: OnText) -> None:
        self._tokenizer, self._on_text = tokenizer, on_text
        self._ids: list[int] = []
        self._told = ""

    def put(self, value: Tensor) -> None:
        self._ids += value.flatten().tolist()
        text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        if text.startswith(self._told) and not text.endswith("\ufffd"):  # half a character waits for its other half
            piece, self._told = text[len(self._told) :], text
            if piece:
                self._on_text(piece)

    def end(self) -> None:
        """Nothing is held back."""


@dataclass(frozen=True)
class _Pausing:
    """A stopping rule that never stops, but gives the caller its turn at each token."""

    pause: Pause

    def __call__(self, input_ids: Tensor, _scores: Any, **_options: Any) -> Tensor:
        self.pause()
        return torch.zeros(input_ids.shape[0], dtype=torch.bool)


def read_cells(features: StudyFeatures) -> tuple[Tensor, tuple[int, int, int]]:
    """What writers read of a case, [N, C] and its grid: its cells, of more than 14 a side the mean over 2 x 2 x 2 of them.

    The published decoders read 14 x 14 x 14.
    """
    cells_NC, grid = features.windows[0].cells_NC, features.tokens
    if max(grid) <= LARGEST_GRID:
        return cells_NC.float(), grid
    cells_CHWD = cells_NC.float().T.reshape(-1, *grid)
    halved_CHWD = torch.nn.functional.avg_pool3d(cells_CHWD, 2)
    a, b, c = halved_CHWD.shape[1:]
    return halved_CHWD.flatten(1).T.contiguous(), (a, b, c)


def load_writer(folder: Path, trunk_sha256: str, language_folder: Path | None = None) -> Writer:
    """The small decoder of a folder, or with `language_folder` the adapter of that language model.

    Raises WeightsError or InputError when the files do not fit each other or the trunk.
    """
    if language_folder is None:
        return SmallWriter(load_report_decoder(folder, trunk_sha256), "report-decoder")
    decoder = load_adapter(folder, language_folder=language_folder, trunk_sha256=trunk_sha256)
    return LanguageWriter(decoder, language_folder.name)


def joined(words: list[str]) -> str:
    """Words as text: no blank before a mark, capitals at the start of each sentence."""
    text = ""
    for word in words:
        starts = not text or text.endswith(".")
        shown = word[:1].upper() + word[1:] if starts else word
        text += shown if not text or word in ".,;:" else f" {shown}"
    return text
