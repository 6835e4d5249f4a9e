"""The language model path end to end, with a small random causal language model and real adapters."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asap.errors import Cancelled, InputError, WeightsError
from asap.inference.beam_search import StopRules
from asap.inference.writers import REPORT_PROMPT, LanguageWriter
from asap.models.language_adapter import LoraConfig, learnt_tensors, load_adapter, new_decoder, save_adapter
from asap.models.language_decoder import LanguageDecoder
from asap.models.visual_prefix import PrefixConfig
from asap_training.data.told_batch import language_batch
from asap_training.data.told_cases import Told
from asap_training.told_loop import ToldRecipe, fine_tune
from tests.models.tiny_language import write_tiny_language

GRID, NUMBERS, TRUNK = (4, 4, 4), 6, "0" * 64
TOLD = (
    Told("one", REPORT_PROMPT, "there is a nodule in the left lung ."),
    Told("two", REPORT_PROMPT, "no pleural effusion . the heart is normal ."),
    Told("one", "is there a mass ?", "no", "presence"),
)
PREFIXES = [
    PrefixConfig("queries", GRID, NUMBERS, 32, width=16, queries=8, layers=1, heads=2, inner=32),
    PrefixConfig("convolution", GRID, NUMBERS, 32, width=16),
]
GREEDY = StopRules(longest=16, beams=1, blocked_gram=0)


def cells_of(name: str) -> torch.Tensor:
    return torch.randn(64, NUMBERS, generator=torch.Generator().manual_seed(sum(name.encode())))


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_language(tmp_path_factory.mktemp("language"))


@pytest.fixture(scope="module")
def trained(language: Path) -> tuple[LanguageDecoder, list[float]]:
    decoder = new_decoder(language, PREFIXES[0], LoraConfig(rank=8, alpha=32))
    losses: list[float] = []
    recipe = ToldRecipe(steps=160, batch=3, rate=1e-2, adapter_rate=1e-2, decay=0.0)
    fine_tune(decoder, TOLD, cells_of, recipe, on_step=lambda _step, loss: losses.append(loss))
    return decoder, losses


@pytest.mark.slow
def test_the_loss_falls_and_a_tiny_set_is_memorised(trained: tuple[LanguageDecoder, list[float]]) -> None:
    decoder, losses = trained
    assert losses[0] > 1.0
    assert losses[-1] < 0.2  # dropout stays on
    writer = LanguageWriter(decoder, "tiny")
    for told in TOLD:
        assert writer.write(cells_of(told.volume), told.prompt, GREEDY) == told.answer


@pytest.mark.slow
def test_only_prefix_and_adapters_learn(language: Path, trained: tuple[LanguageDecoder, list[float]]) -> None:
    decoder, _ = trained
    fresh = new_decoder(language, PREFIXES[0], LoraConfig(rank=8, alpha=32))
    own, before = dict(decoder.named_parameters()), dict(fresh.named_parameters())
    learnt = set(learnt_tensors(decoder))
    assert all(torch.equal(own[name], before[name]) for name in own if name not in learnt)
    assert any("lora_" in name for name in learnt)
    assert any(name.startswith("prefix.") for name in learnt)


@pytest.mark.slow
def test_what_was_learnt_is_saved_and_says_the_same_when_loaded(
    language: Path, trained: tuple[LanguageDecoder, list[float]], tmp_path: Path
) -> None:
    decoder, _ = trained
    save_adapter(tmp_path, decoder, LoraConfig(8, 32), language_folder=language, trunk_sha256=TRUNK, name="tiny")
    again = load_adapter(tmp_path, language_folder=language, trunk_sha256=TRUNK)
    told = TOLD[0]
    assert LanguageWriter(again, "tiny").write(cells_of(told.volume), told.prompt, GREEDY) == told.answer


@pytest.mark.slow
def test_an_adapter_is_pinned_to_its_language_model_and_its_trunk(
    language: Path, trained: tuple[LanguageDecoder, list[float]], tmp_path: Path
) -> None:
    save_adapter(tmp_path / "a", trained[0], LoraConfig(8, 32), language_folder=language, trunk_sha256=TRUNK, name="tiny")
    other = write_tiny_language(tmp_path / "other", seed=1)
    with pytest.raises(WeightsError, match="another revision"):
        load_adapter(tmp_path / "a", language_folder=other, trunk_sha256=TRUNK)
    with pytest.raises(WeightsError, match="another image model"):
        load_adapter(tmp_path / "a", language_folder=language, trunk_sha256="1" * 64)


@pytest.mark.slow
def test_text_streams_piece_by_piece_and_stops_when_cancelled(trained: tuple[LanguageDecoder, list[float]]) -> None:
    writer, told = LanguageWriter(trained[0], "tiny"), TOLD[0]
    pieces: list[str] = []
    text = writer.write(cells_of(told.volume), told.prompt, GREEDY, on_text=pieces.append)
    assert len(pieces) > 5
    assert "".join(pieces).strip() == text
    told_until: list[str] = []

    def cancel() -> None:
        if len(told_until) == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        writer.write(cells_of(told.volume), told.prompt, GREEDY, on_text=told_until.append, pause=cancel)
    assert len(told_until) == 3


@pytest.mark.slow
def test_stop_rules_hold_with_beams(trained: tuple[LanguageDecoder, list[float]]) -> None:
    writer, told = LanguageWriter(trained[0], "tiny"), TOLD[1]
    assert len(writer.write(cells_of(told.volume), told.prompt, StopRules(longest=4, beams=3)).split()) <= 4


@pytest.mark.parametrize("prefix", PREFIXES, ids=lambda p: p.kind)
def test_the_loss_counts_the_answer_and_not_the_prompt(language: Path, prefix: PrefixConfig) -> None:
    torch.manual_seed(0)
    decoder = new_decoder(language, prefix, LoraConfig(rank=0))
    batch = language_batch(decoder.tokenizer, TOLD[:1])
    prompt = len(decoder.tokenizer(f"{REPORT_PROMPT}\n")["input_ids"])
    assert batch.weight_BT[0, :prompt].eq(0).all()
    assert batch.weight_BT[0, prompt:].eq(torch.tensor([2.0] * 9 + [1.0])).all()
    loss = decoder.loss(cells_of("one")[None], batch.ids_BT, batch.mask_BT, batch.weight_BT)
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for n, p in decoder.prefix.named_parameters() if "weight" in n)


def test_files_that_could_run_code_are_refused(language: Path, tmp_path: Path) -> None:
    for path in language.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "modeling_evil.py").write_text("raise SystemExit")
    with pytest.raises(InputError, match="run code"):
        new_decoder(tmp_path, PREFIXES[0], LoraConfig())
    with pytest.raises(InputError, match="no language model"):
        new_decoder(tmp_path / "nowhere", PREFIXES[0], LoraConfig())
