"""One training step of the published model: its losses are the released code's, and every name of its checkpoint is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from asap.errors import WeightsError
from asap.models.checkpoint_names import fate, sources
from asap.models.weights import write_weights
from asap_training.initial_weights import Start, start_from
from asap_training.pretraining_model import PretrainingModel
from asap_training.published_names import ADDED, load_imported, load_published, published_state, training_sources
from asap_training.recipes import asap_base, asap_base_paper, simcrop
from asap_training.total_loss import total_loss
from tests.reference import reference_data
from tests.training.published import published_model, recorded, recorded_batch

BAR = 1e-4
# ours -> the name in the recording
LOSSES = {"image": "mim_loss", "anatomy": "injection_loss", "report": "mlm_loss", "alignment": "align_loss_masked"}


@pytest.mark.slow
def test_the_four_losses_equal_the_released_code() -> None:
    reference, recipe = recorded(), asap_base_paper()
    batch = recorded_batch(reference)
    with torch.inference_mode():
        _, stats = total_loss(published_model(recipe)(batch), batch, recipe)
    for ours, theirs in LOSSES.items():
        assert float(stats[ours]) == pytest.approx(float(reference[theirs]), rel=BAR), ours
    assert float(stats["loss"]) == pytest.approx(sum(float(reference[name]) for name in LOSSES.values()), rel=BAR)


def shapes() -> dict[str, list[int]]:
    found: dict[str, list[int]] = json.loads(reference_data("parity/asap_state_dict_shapes.json").read_text())
    return found


@pytest.mark.slow
def test_every_entry_of_a_published_checkpoint_is_accounted_for() -> None:
    with torch.device("meta"):
        model = PretrainingModel(asap_base_paper())
    read = {
        name for table in (sources(model.recipe.model), training_sources(model)) for names in table.values() for name in names
    }
    assert len(shapes()) == 584
    constants = {"pos_embed"}  # computed, and compared by `from_checkpoint`
    tied = {"bert_decoder.cls.predictions.bias"}  # the same tensor as ...decoder.bias
    assert {name for name in shapes() if fate(name) != "dead"} == read | constants | tied
    assert set(training_sources(model)) | {f"asap.{name}" for name in sources(model.recipe.model)} == set(model.state_dict())


@pytest.mark.slow
def test_the_corrected_recipe_adds_only_what_is_listed() -> None:
    with torch.device("meta"):
        paper, corrected, small = (PretrainingModel(recipe()) for recipe in (asap_base_paper, asap_base, simcrop))
    added = set(corrected.state_dict()) - set(paper.state_dict())
    assert added and all(name.startswith(ADDED) for name in added)
    assert {name.split(".")[0] for name in set(paper.state_dict()) - set(small.state_dict())} == {"anatomy_head"}


def miniature() -> PretrainingModel:
    """The published layout at a fraction of its widths."""
    paper = asap_base_paper()
    encoder = replace(paper.model.encoder, width=12, depth=1, heads=2, patch=(2, 2, 2), grid=(2, 2, 2))
    text = replace(paper.model.text, vocab=11, width=12, depth=1, heads=2, max_positions=8)
    decoders = replace(paper.decoders, image_depth=2, image_heads=2, report_depth=1, report_heads=2)
    return PretrainingModel(
        replace(paper, model=replace(paper.model, encoder=encoder, text=text, projection=12), decoders=decoders)
    )


def miniature_entries(model: PretrainingModel) -> dict[str, torch.Tensor]:
    """A published checkpoint of that size: every entry the model is made of, at random."""
    state, entries = model.state_dict(), {}
    tables = {f"asap.{name}": names for name, names in sources(model.recipe.model).items()} | training_sources(model)
    for ours, theirs in tables.items():
        value = torch.randn_like(state[ours])
        if theirs == ("patch_embed.proj.weight",):
            value = value.reshape(-1, 1, 2, 2, 2)
        entries |= dict(zip(theirs, value.chunk(len(theirs)), strict=True))
    return entries


def test_training_goes_on_from_published_entries_and_gives_them_back() -> None:
    model = miniature()
    entries = miniature_entries(model)
    load_published(model, entries)
    assert not model.asap.text_encoder.norm.weight.requires_grad
    assert model.fusion.gap.weight.requires_grad
    back = published_state(model)
    assert set(back) == {name for name in entries if fate(name) == "training"}
    assert all(torch.equal(back[name], entries[name]) for name in back)


def test_imported_weights_are_trained_further(tmp_path: Path) -> None:
    """Weights as `asap weights import` leaves them: the model, and beside it what only training reads."""
    before, after = miniature(), miniature()
    load_published(before, miniature_entries(before))
    write_weights(
        tmp_path,
        before.asap.state_dict(),
        name="asap-base",
        architecture="asap",
        config=before.recipe.model.to_json(),
        source="a test",
        licence="none",
        training=published_state(before),
    )
    load_imported(after, tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True))
    with torch.no_grad():
        after.asap.image_encoder.cls_token += 1  # its own memory, not the file's


def test_a_text_encoder_and_image_blocks_alone_are_taken(tmp_path: Path) -> None:
    """As a run from nothing starts: a BERT under its own names, and the blocks of a vision transformer."""
    source, model = miniature(), miniature()
    entries = miniature_entries(source)
    bert = {n.removeprefix("bert_encoder."): v for n, v in entries.items() if n.startswith("bert_encoder.bert.")}
    save_file({n: v.clone() for n, v in bert.items()}, tmp_path / "bert.safetensors")
    save_file({n: v.clone() for n, v in entries.items() if n.startswith("blocks.")}, tmp_path / "blocks.safetensors")
    before = model.image_decoder.embed.weight.clone()
    start_from(model, Start(text_encoder=tmp_path / "bert.safetensors"))
    load_published(source, entries)
    for ours, theirs in zip(model.asap.text_encoder.parameters(), source.asap.text_encoder.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(model.image_decoder.embed.weight, before)
    with pytest.raises(WeightsError, match=r"norm\.weight"):  # the final norm belongs to the blocks
        start_from(model, Start(image_blocks=tmp_path / "blocks.safetensors"))
    with pytest.raises(WeightsError, match="neither"):
        start_from(model, Start(text_encoder=tmp_path))
    (tmp_path / "bert.safetensors").write_bytes(b"not one")
    with pytest.raises(WeightsError, match="safetensors"):
        start_from(model, Start(text_encoder=tmp_path / "bert.safetensors"))


@pytest.mark.slow
def test_the_files_the_published_run_started_from_are_taken_as_they_come(tmp_path: Path) -> None:
    """An image model's `.pth` and a text encoder's folder with `pytorch_model.bin`: pickles, which only the child opens."""
    source, model = miniature(), miniature()
    entries = miniature_entries(source)
    load_published(source, entries)
    ours = ("blocks.", "norm.", "cls_token", "patch_embed.")  # with a patch embedding that fits no volume
    photographs = {n: v.clone() for n, v in entries.items() if n.startswith(ours)} | {"patch_embed.proj.weight": torch.ones(2, 3)}
    torch.save({"model": photographs}, tmp_path / "mae_pretrain.pth")
    folder = tmp_path / "cxr-bert"
    folder.mkdir()
    bert = {n.removeprefix("bert_encoder."): v.clone() for n, v in entries.items() if n.startswith("bert_encoder.")}
    torch.save(bert | {"bert.embeddings.position_ids": torch.arange(8)}, folder / "pytorch_model.bin")
    start_from(model, Start(text_encoder=folder, image_blocks=tmp_path / "mae_pretrain.pth"))
    begun, wanted = model.state_dict(), source.state_dict()
    taken = [n for n in wanted if n.startswith(("asap.image_encoder.blocks.", "asap.image_encoder.norm.", "asap.text_encoder."))]
    assert len(taken) > 20
    assert all(torch.equal(begun[name], wanted[name]) for name in taken)
    assert not torch.equal(begun["asap.image_encoder.cls_token"], wanted["asap.image_encoder.cls_token"])


def test_an_entry_that_is_missing_is_named() -> None:
    model = miniature()
    with pytest.raises(WeightsError, match="decoder_pred_layer"):
        load_published(model, {k: v for k, v in miniature_entries(model).items() if k != "decoder_pred_layer.bias"})
