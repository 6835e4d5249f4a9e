"""Samples from the cache: crops, mirrored edges and organ shares are exact; a sample is a function of its number."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from asap.errors import InputError
from asap.models.catalog import TEST_WORDS
from asap.models.load import LoadedAsap, load_model
from asap.models.wordpiece import WordPiece
from asap_training.bert_dropout import Dropout
from asap_training.data import cache
from asap_training.data.batch import Batch, collate
from asap_training.data.cached_reports import AxisCrop, CachedReports, fill_window, random_crop
from asap_training.data.datasets.plain_table import plain_cases
from asap_training.data.organ_masks import CLASSICAL, OrganSettings
from asap_training.data.organ_shares import organ_runs, organ_shares
from asap_training.data.report_tokens import text_encoder_digest
from asap_training.loop.distributed import Ranks
from asap_training.prepare import prepare
from asap_training.pretrain import steps_of_data
from asap_training.pretraining_model import PretrainingModel
from asap_training.recipes import asap_base_paper, asap_test
from asap_training.total_loss import total_loss
from tests.training.data.raw_cases import options, quiet, write_table

TOKENIZER = WordPiece.from_vocabulary(TEST_WORDS, asap_test().model.text.max_positions)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cache")
    cases = plain_cases(write_table(root / "raw", 3), 0.0)
    prepare(cases, options(root / "cache", OrganSettings("classical", CLASSICAL)), quiet)
    return root / "cache"


def filled(shape: tuple[int, ...], part: np.ndarray, crops: list[AxisCrop]) -> np.ndarray:
    window = np.empty(shape, part.dtype)
    fill_window(window, part, crops)
    return window


@pytest.mark.parametrize("patch", [(16, 16, 8), (4, 4, 4), (3, 5, 2), (2, 2, 3)])
@pytest.mark.parametrize("blobs", [True, False])
def test_shares_of_a_crop_are_those_of_counting_every_voxel(patch: tuple[int, int, int], blobs: bool) -> None:
    """Crops that are turned round, mirrored at the edges, or smaller than a token: runs give the very counts."""
    rng = np.random.default_rng(5)
    h, w, d = (3 * p - 1 for p in patch)
    labels = rng.integers(0, 9, (h, w, d)).astype(np.uint8)
    if blobs:
        labels[: h // 2] = 4
        labels[:, :, -2:] = 0
    runs = organ_runs(labels)
    window = tuple(3 * p for p in patch)
    for flips in ([], [0], [1, 2], [0, 1, 2]):
        crops = [random_crop(size, wanted, rng) for size, wanted in zip(labels.shape, window, strict=True)]
        sources = [crop.sources(n, flip=axis in flips) for axis, (crop, n) in enumerate(zip(crops, window, strict=True))]
        shown = np.flip(filled(window, labels[tuple(c.outer for c in crops)], crops), flips)
        a, b, c = patch
        tokens = shown.reshape(3, a, 3, b, 3, c).transpose(0, 2, 4, 1, 3, 5).reshape(27, -1)
        wanted = np.stack([(tokens == organ).mean(1) for organ in range(9)], axis=1)
        assert np.array_equal(organ_shares(runs, labels.shape, sources, patch, 9), wanted.astype(np.float32))


@pytest.mark.parametrize(
    ("size", "pad", "after"), [(5, 3, 1), (10, 1, 1), (2, 6, 1), (1, 4, 1), (12, 0, 0), (2, 0, 1), (4, 0, 7)]
)
def test_what_lies_outside_is_mirrored_as_numpy_does(size: int, pad: int, after: int) -> None:
    rng = np.random.default_rng(6)
    part = rng.standard_normal((size, size, size))
    window = size + pad + after
    crop = AxisCrop(0, size, pad)
    wanted = np.pad(part, (pad, after), mode="reflect")
    assert np.array_equal(filled((window, window, window), part, [crop] * 3), wanted)
    assert np.array_equal(part[np.ix_(*[crop.sources(window, flip=False)] * 3)], wanted)


def test_crops_stay_inside_and_reach_every_edge() -> None:
    rng = np.random.default_rng(7)
    for size, window in ((238, 224), (100, 112), (300, 224), (2, 24)):
        crops = [random_crop(size, window, rng) for _ in range(2000)]
        assert all(c.start >= 0 and c.start + c.size <= size and c.pad + c.size <= window for c in crops)
        assert min(c.start for c in crops) == 0
        assert max(c.start + c.size for c in crops) == size
        assert min(c.size for c in crops) >= min(window, int(0.8 * size))


def test_a_sample_is_the_stored_crop(folder: Path) -> None:
    """Without chance of flips: the volume's and the organs' voxels come from the same place."""
    recipe = asap_test()
    source = CachedReports(folder, recipe, TOKENIZER)
    for number in range(6):
        sample = source[number]
        organs_NC = sample.organs_NC
        assert organs_NC is not None
        assert sample.volume_1HWD.shape == (1, *recipe.model.encoder.volume_shape)
        assert sample.volume_1HWD.dtype == torch.int16
        volume = collate([sample]).to(torch.device("cpu")).volume_B1HWD
        assert torch.equal(volume[0], sample.volume_1HWD / 1000) and float(volume.abs().max()) <= 1
        assert torch.allclose(organs_NC.sum(1), torch.ones(len(organs_NC)))
        # Where a token is outside the body altogether it is air; where it is all body wall it is not.
        h, w, d = recipe.model.encoder.grid
        a, b, c = recipe.model.encoder.patch
        mean_N = volume[0, 0].reshape(h, a, w, b, d, c).mean((1, 3, 5)).reshape(-1)
        assert float(mean_N[organs_NC[:, 0] == 1].max()) < float(mean_N[organs_NC[:, 4] > 0.98].min())


def test_kept_text_states_are_those_of_the_encoder(folder: Path) -> None:
    """A batch with kept states has the losses of one whose findings are encoded; another encoder's states are not taken."""
    loaded = load_model("asap-test", torch.float32)
    assert isinstance(loaded, LoadedAsap)
    recipe = replace(asap_test(), model=replace(asap_test().model, text=loaded.model.config.text))
    torch.manual_seed(0)
    model = PretrainingModel(recipe).eval()
    model.asap.text_encoder.load_state_dict(loaded.model.text_encoder.state_dict())
    source = CachedReports(folder, recipe, TOKENIZER)
    digest = text_encoder_digest(model.asap.text_encoder)
    kept = collate([source.for_text_encoder(digest)[n] for n in range(2)]).to(torch.device("cpu"))
    encoded = collate([source[n] for n in range(2)]).to(torch.device("cpu"))
    assert kept.findings_states_BLD is not None and encoded.findings_states_BLD is None
    assert kept.findings_states_BLD.shape[:2] == kept.findings_ids_BL.shape
    with torch.inference_mode():
        losses = [total_loss(model(batch), batch, recipe)[1] for batch in (kept, encoded)]
    assert losses[0].keys() == losses[1].keys()
    for name, value in losses[0].items():
        assert float(value) == pytest.approx(float(losses[1][name]), rel=1e-3), name
    assert source.for_text_encoder("another")[0].findings_states_LD is None
    dropping = CachedReports(folder, replace(recipe, text_dropout=Dropout(hidden=0.25)), TOKENIZER)
    assert dropping.for_text_encoder(digest)[0].findings_states_LD is None


def test_samples_depend_on_the_number_alone(folder: Path) -> None:
    first, again = CachedReports(folder, asap_test(), TOKENIZER), CachedReports(folder, asap_test(), TOKENIZER)
    for number in (5, 0):
        a, b = collate([first[number]]), collate([again[number]])
        assert torch.equal(a.volume_B1HWD, b.volume_B1HWD)
        assert torch.equal(a.report_masked_BL, b.report_masked_BL)
        assert torch.equal(a.organs_BNC, b.organs_BNC)  # type: ignore[arg-type]
    assert not torch.equal(first[0].volume_1HWD, first[3].volume_1HWD)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_batch_made_at_once_is_its_samples_to_the_bit(folder: Path, workers: int) -> None:
    """Through the loader of a run, which goes on at any sample."""
    source = CachedReports(folder, asap_test(), TOKENIZER)
    ranks = Ranks(0, 1, torch.device("cpu"))
    size = asap_test().optimisation.batch
    made = [
        batch
        for batches, _ in steps_of_data(source, asap_test(), ranks, position=4, total=40, workers=workers)
        for batch in batches
    ]
    assert len(made) == 36 // size
    for number, batch in enumerate(made):
        wanted = collate([source[n] for n in range(4 + number * size, 4 + (number + 1) * size)])
        for field in fields(Batch):
            one, other = getattr(batch, field.name), getattr(wanted, field.name)
            assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one is other is None, field.name
    assert made[0].volume_B1HWD.dtype == torch.int16


def test_left_and_right_stay_where_the_sentence_says(folder: Path) -> None:
    """The right lung's share lies on the right (high first index) where sides are kept, and not always otherwise."""

    def right_is_right(source: CachedReports, number: int) -> bool:
        organs_NC = source[number].organs_NC
        assert organs_NC is not None
        h, w, d = asap_test().model.encoder.grid
        place_H = torch.arange(h).repeat_interleave(w * d).float()
        right, left = ((organs_NC[:, organ] * place_H).sum() / organs_NC[:, organ].sum() for organ in (1, 2))
        return bool(right > left)

    kept = CachedReports(folder, asap_test(), TOKENIZER)
    mirrored = CachedReports(folder, replace(asap_test(), keep_sides=False), TOKENIZER)
    assert all(right_is_right(kept, number) for number in range(30))
    assert not all(right_is_right(mirrored, number) for number in range(30))


def test_a_report_that_names_no_side_is_mirrored_as_published(folder: Path) -> None:
    source, rng = CachedReports(folder, asap_test(), TOKENIZER), np.random.default_rng(3)
    record = cache.read_record(folder, cache.read_index(folder)["train"][0])
    assert record.names_side
    for sided, share in ((True, 0.0), (False, 0.2)):
        flips = [source._flips(replace(record, names_side=sided), rng) for _ in range(2000)]
        assert np.mean([0 in axes for axes in flips]) == pytest.approx(share, abs=0.03)
        assert np.mean([1 in axes for axes in flips]) == pytest.approx(0.2, abs=0.03)


def test_a_cache_for_another_recipe_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="spacing"):
        CachedReports(folder, asap_base_paper(), TOKENIZER)
    with pytest.raises(InputError, match="another tokenizer"):
        CachedReports(folder, asap_test(), WordPiece.from_vocabulary(TEST_WORDS[:-1]))
    with pytest.raises(InputError, match="split valid"):
        CachedReports(folder, asap_test(), TOKENIZER, "valid")
    write_table(tmp_path / "raw", 1)
    prepare(plain_cases(tmp_path / "raw" / "cases.csv", 0.0), options(tmp_path / "without"), quiet)
    with pytest.raises(InputError, match="--organs"):
        CachedReports(tmp_path / "without", asap_test(), TOKENIZER)
    with pytest.raises(InputError, match="no prepared cases"):
        CachedReports(tmp_path, asap_test(), TOKENIZER)


def test_a_crop_reads_a_part_of_the_file(tmp_path: Path) -> None:
    """Blocks outside the crop may be destroyed without the crop noticing."""
    rng = np.random.default_rng(8)
    volume = rng.integers(-1000, 1000, (256, 256, 100)).astype(np.int16)
    path = tmp_path / "x.b2nd"
    cache.write_array(path, volume, "test")
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half : half + 1000] = bytes(1000)
    path.write_bytes(bytes(data))
    corner = (slice(0, 64), slice(0, 64), slice(0, 100))
    assert np.array_equal(cache.open_array(path)[corner], volume[corner])
