"""Any catalogued model loads ready to answer; weights that do not fit are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asap.errors import WeightsError
from asap.models.asap import Asap
from asap.models.catalog import MODELS, TEST_CONFIG, TEST_WORDS, model_folder
from asap.models.load import LoadedAsap, load_model, seeded_state
from asap.models.weights import write_weights
from asap.models.wordpiece import WordPiece


def seeded(seed: int = 1) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        model = Asap(TEST_CONFIG)
    return seeded_state(model, seed)


def save(folder: Path, tensors: dict[str, torch.Tensor], tokenizer: bool = True) -> None:
    text = WordPiece.from_vocabulary(TEST_WORDS).to_json() if tokenizer else None
    write_weights(
        folder,
        tensors,
        name="mine",
        architecture="asap",
        config=TEST_CONFIG.to_json(),
        source="a test",
        licence="none",
        tokenizer_json=text,
    )


def test_the_test_model_is_the_same_every_time_and_grounds_a_sentence() -> None:
    first, second = load_model("asap-test", torch.float32), load_model("asap-test", torch.float32)
    assert isinstance(first, LoadedAsap) and isinstance(second, LoadedAsap)
    assert first.weights_sha256 == second.weights_sha256 and not first.model.training
    assert all(torch.equal(a, b) for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True))
    encoded = first.tokenizer.encode_sentence("Nodule in the right upper lobe, 5 mm.")
    ids, sentence_ids = (torch.from_numpy(a)[None] for a in (encoded.ids, encoded.sentence_ids))
    volume = torch.rand(1, 1, *TEST_CONFIG.encoder.volume_shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        v = first.model.project_image(first.model.encode_image(volume))
        e = first.model.sentence_features(first.model.encode_text(ids), sentence_ids)
        similarity = first.model.similarity_BSN(e, v)
    assert similarity.shape == (1, 1, 2744) and float(similarity.std()) > 0.01
    assert int(first.model.adaptive_k(e)) in (16, 32, 64, 128)


def test_saved_weights_come_back_in_the_asked_precision(tmp_path: Path) -> None:
    save(tmp_path, seeded())
    exact, fast = load_model(tmp_path, torch.float32), load_model(tmp_path, torch.bfloat16)
    assert isinstance(exact, LoadedAsap) and isinstance(fast, LoadedAsap)
    assert exact.weights_sha256 == fast.weights_sha256
    block, norm = fast.model.image_encoder.blocks[0], fast.model.image_encoder.norm
    assert block.get_parameter("mlp.fc1.weight").dtype == torch.bfloat16
    assert norm.weight.dtype == fast.model.image_head.dense_to_output.weight.dtype == torch.float32
    assert torch.equal(norm.weight, seeded()["image_encoder.norm.weight"])
    assert not any(p.requires_grad for p in fast.model.parameters())


def test_the_users_weights_come_before_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASAP_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="not installed"):
        load_model("asap-base")
    save(tmp_path / "asap-base", seeded())
    assert model_folder("asap-base") == tmp_path / "asap-base"
    loaded = load_model("asap-base")
    assert isinstance(loaded, LoadedAsap) and loaded.name == "mine"


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    for name in ("nothing", "../asap-base", "os.system"):
        with pytest.raises(WeightsError, match="asap-mini"):
            load_model(name)
    assert set(MODELS) >= {"asap-base", "asap-mini", "asap-test"}


@pytest.mark.parametrize("fault", ["extra", "missing", "shape", "tokenizer"])
def test_weights_that_do_not_fit_their_config_are_refused(tmp_path: Path, fault: str) -> None:
    tensors = seeded()
    if fault == "extra":
        tensors["more"] = torch.ones(1)
    elif fault == "missing":
        del tensors["image_encoder.norm.bias"]
    elif fault == "shape":
        tensors["image_encoder.norm.bias"] = torch.zeros(1, 48)
    save(tmp_path, tensors, tokenizer=fault != "tokenizer")
    with pytest.raises(WeightsError):
        load_model(tmp_path)
