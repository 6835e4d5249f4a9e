"""Where images are encoded. The meta device stands for a GPU: it computes no numbers, and refuses tensors of another device."""

from __future__ import annotations

import copy

import pytest
import torch

from asap.inference.grounder import AsapGrounder, MiniGrounder
from asap.inference.load import grounder_of, load_engine
from asap.models.load import LoadedAsap, LoadedMini, load_model, preferred_device, preferred_dtype
from asap.text.read import read_sentence

META = torch.device("meta")


def test_the_published_model_moves_its_image_side_and_keeps_its_text_side() -> None:
    loaded = load_model("asap-test")
    assert isinstance(loaded, LoadedAsap)
    grounder = grounder_of(copy.deepcopy(loaded))
    assert isinstance(grounder, AsapGrounder)
    before = grounder.encode_sentences([read_sentence("There is a nodule.")])
    grounder.place(META)
    image = torch.zeros(1, 1, *grounder.grid.shape)
    with pytest.raises(NotImplementedError, match="meta tensor"):  # all of it ran there, up to bringing the features back
        grounder.encode_image(image)
    assert torch.equal(grounder.encode_sentences([read_sentence("There is a nodule.")]), before)


def test_the_embedded_model_moves_its_image_side_and_keeps_its_text_side() -> None:
    loaded = load_model("asap-mini")
    assert isinstance(loaded, LoadedMini)
    model = copy.deepcopy(loaded.model)
    grounder = MiniGrounder(model, name="asap-mini", weights_sha256="", calibration=None)
    before = grounder.encode_sentences([read_sentence("There is a nodule.")])
    grounder.place(META)
    cells_BNPF = model.image(torch.zeros(1, 1, *grounder.grid.shape, device=META))
    assert cells_BNPF.device == META
    assert cells_BNPF.shape[1] == 28**3
    assert torch.equal(grounder.encode_sentences([read_sentence("There is a nodule.")]), before)


def test_an_engine_sits_where_this_machine_is_quickest_and_features_come_back() -> None:
    engine = load_engine("asap-test")
    assert engine.grounder.device == preferred_device()
    assert engine.grounder.device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert engine.grounder.encode_image(torch.zeros(1, 1, *engine.grounder.grid.shape)).cells_NC.device.type == "cpu"
    assert preferred_dtype(engine.grounder.device) in (torch.bfloat16, torch.float32)
