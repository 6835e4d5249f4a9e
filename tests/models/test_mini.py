"""The embedded model: shapes, the meaning of a match, sentences that do not depend on their neighbours, storage."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import pytest
import torch

from asap.errors import WeightsError
from asap.inference.grounder import MiniGrounder
from asap.models.load import LoadedMini, load_model
from asap.models.mini import AsapMini
from asap.models.mini_image import MiniConfig, space_to_depth, windowed
from asap.models.phrase_encoder import tokenise
from asap.models.weights import write_weights
from asap.text.read import read_sentence

TINY = MiniConfig(
    grid=(4, 3, 5), stem_channels=8, cell_channels=16, width=48, depth=1, heads=1, features=8, text_width=64, text_depth=1
)
SENTENCES = [
    read_sentence("There is a 9 mm nodule in the right upper lobe."),
    read_sentence("Heart."),
    read_sentence("A xyzzy is seen behind the quux."),
]


@lru_cache(maxsize=1)
def tiny() -> AsapMini:
    torch.manual_seed(0)
    return AsapMini(TINY).eval()


@torch.inference_mode()
def test_a_grid_need_not_be_a_cube() -> None:
    cells_BNPF = tiny().image(torch.zeros(2, 1, *TINY.input_shape))
    assert cells_BNPF.shape == (2, 8 * 6 * 10, 2, 8)
    assert torch.allclose(cells_BNPF.norm(dim=-1), torch.ones(()), atol=1e-5)


@torch.inference_mode()
def test_a_match_is_a_log_probability() -> None:
    features_SPF, bias_SP = tiny().text(tokenise(SENTENCES, TINY))
    cells_NPF = tiny().image(torch.rand(1, 1, *TINY.input_shape))[0]
    match_SN = tiny().matcher(features_SPF, bias_SP, cells_NPF)
    assert match_SN.shape == (3, 480)
    assert (match_SN <= 0).all()
    assert match_SN.exp().mean() < 0.1, "at first no cell fits any sentence"


@torch.inference_mode()
def test_a_sentence_does_not_depend_on_its_neighbours() -> None:
    grounder = MiniGrounder(tiny(), name="tiny", weights_sha256="", calibration=None)
    together = grounder.encode_sentences(SENTENCES)
    for row, sentence in zip(together, SENTENCES, strict=True):
        assert torch.allclose(row, grounder.encode_sentences([sentence])[0], atol=1e-5)


def test_words_no_rule_knows_still_say_something() -> None:
    batch = tokenise(SENTENCES, TINY)
    assert batch.word_SL[2].count_nonzero() == 7
    assert not torch.equal(batch.word_SL[1], batch.word_SL[2])


def test_windows_and_folding_keep_every_voxel() -> None:
    volume = torch.linspace(-1, 1, 8 * 8 * 8).reshape(1, 1, 8, 8, 8)
    channels = windowed(volume)
    assert torch.allclose(channels[:, :1], volume, atol=1e-6)
    assert channels.abs().max() <= 1
    folded = space_to_depth(channels)
    assert folded.shape == (1, 24, 4, 4, 4)
    assert torch.equal(folded.flatten().sort().values, channels.flatten().sort().values)
    assert torch.equal(folded[0, :8, 1, 2, 3].sort().values, channels[0, 0, 2:4, 4:6, 6:8].flatten().sort().values)


def stored(folder: Path, config: dict[str, object]) -> None:
    tensors = {name: value.to(torch.bfloat16) for name, value in tiny().state_dict().items()}
    write_weights(
        folder, tensors, name="tiny", architecture="asap-mini", config=config, source="test", licence="Apache-2.0",
        calibration={"slope": 1.0, "offset": 0.0, "by_concept": {}},
    )  # fmt: skip


def test_stored_and_loaded_it_answers_the_same(tmp_path: Path) -> None:
    stored(tmp_path, asdict(TINY))
    loaded = load_model(tmp_path)
    assert isinstance(loaded, LoadedMini)
    assert loaded.model.config == TINY
    rounded = AsapMini(TINY)
    rounded.load_state_dict({name: value.to(torch.bfloat16).float() for name, value in tiny().state_dict().items()})
    grounders = [MiniGrounder(m, name="", weights_sha256="", calibration=None) for m in (rounded.eval(), loaded.model)]
    rows = [grounder.encode_sentences(SENTENCES).float() for grounder in grounders]
    assert torch.allclose(*rows, atol=1e-6)


@pytest.mark.parametrize("change", [{"grid": "x"}, {"unknown": 1}, {"concepts": [1, 2]}, {"width": 1.5}])
def test_a_manifest_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    stored(tmp_path, asdict(TINY) | change)
    with pytest.raises(WeightsError):
        load_model(tmp_path)
