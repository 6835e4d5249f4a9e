"""A real report's sentences have regions that reach the loss: from a label image, or the mask of the organ one names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from asap.errors import InputError
from asap.io.nifti_write import write_nifti
from asap.models.catalog import TEST_WORDS
from asap.models.wordpiece import WordPiece
from asap.text.read import read_sentence
from asap_training.data import cache
from asap_training.data.batch import collate
from asap_training.data.cached_reports import CachedReports
from asap_training.data.case import name_digest
from asap_training.data.datasets.plain_table import plain_cases
from asap_training.data.organ_masks import CLASSICAL, ORGANS, OrganSettings
from asap_training.data.sentence_regions import named_organs, spoken
from asap_training.prepare import prepare
from asap_training.pretraining_model import PretrainingModel
from asap_training.recipes import asap_test
from asap_training.total_loss import total_loss
from tests.training.data.raw_cases import chest, options, quiet, save_rows

TOKENIZER = WordPiece.from_vocabulary(TEST_WORDS, asap_test().model.text.max_positions)
FINDINGS = "There is a nodule in the left lung. No pleural effusion. The heart is normal in size."
HEART, NODULE = 51, 10  # label numbers; the nodule is given as an organ too, so that its shares can be compared
CLASSES = {"heart": (HEART,), "left_upper_lobe": (NODULE,)}
BOXES = {HEART: (slice(8, 16), slice(14, 22), slice(6, 14)), NODULE: (slice(22, 26), slice(10, 15), slice(12, 17))}


def table(folder: Path, regions: dict[int, int], findings: str = FINDINGS) -> Path:
    """One case with organ labels and a label image of regions: sentence number -> label whose box it is."""
    folder.mkdir()
    volume = chest()
    organs, told = (np.zeros(volume.shape, np.uint8) for _ in range(2))
    for label, box in BOXES.items():
        organs[box] = label
    for sentence, label in regions.items():
        told[BOXES[label]] = sentence
    for name, array in (("ct", volume.hu), ("organs", organs), ("told", told)):
        write_nifti(folder / f"{name}.nii", array, volume.affine)
    header = ["volume", "findings", "impression", "mask", "regions"]
    return save_rows(folder / "cases.csv", [header, ["ct.nii", findings, "", "organs.nii", "told.nii"]])


def cached(tmp_path: Path, regions: dict[int, int], findings: str = FINDINGS) -> tuple[Path, list[str]]:
    out, said = tmp_path / "cache", []
    cases = plain_cases(table(tmp_path / "raw", regions, findings), 0.0)
    prepare(cases, options(out, OrganSettings("labels", CLASSES)), said.append)
    return out, said


@pytest.mark.slow
def test_from_the_table_to_the_loss(tmp_path: Path) -> None:
    """A sample's regions are the very shares of the boxes they were drawn in, however it is cropped and turned round."""
    out, said = cached(tmp_path, {1: NODULE})
    assert said[-1].endswith(", 1 with a sentence whose region is known.")
    source = CachedReports(out, asap_test(), TOKENIZER)
    samples = [source[number] for number in range(12)]
    for sample in samples:
        assert sample.organs_NC is not None
        assert torch.equal(sample.regions_SN[0], sample.organs_NC[:, 2])
        assert not sample.regions_SN[1].any()
        assert torch.equal(sample.regions_SN[2], sample.organs_NC[:, 1])
    assert sum(bool(sample.regions_SN[0].any()) for sample in samples) > 6
    batch = collate(samples).to(torch.device("cpu"))
    torch.manual_seed(0)
    model = PretrainingModel(asap_test()).train()
    loss, stats = total_loss(model(batch), batch, asap_test())
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(stats["region"]) > 0.1
    assert batch.own_counts().regions > 12
    published = replace(asap_test(), pool_known=False, weights=replace(asap_test().weights, region=0.0))
    assert not CachedReports(out, published, TOKENIZER)[0].regions_SN.any()
    path = cache.case_path(out, name_digest("ct.nii"), "regions.b2nd")
    whole = path.read_bytes()
    path.unlink()  # is made again
    cases = plain_cases(tmp_path / "raw" / "cases.csv", 0.0)
    assert prepare(cases, options(out, OrganSettings("labels", CLASSES)), quiet)
    assert path.read_bytes() == whole


def test_a_number_without_a_sentence_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a sentence that is not there: the findings have 3"):
        cached(tmp_path, {4: NODULE})


def test_numbers_are_a_reader_s_and_a_joined_sentence_has_no_region(tmp_path: Path) -> None:
    """The text encoder's rule sees no end before a digit: two sentences are one to it, and the third is its second.

    What is told of that one takes the place of the organ it names.
    """
    findings = "The aorta is normal. 3 nodules in the lung. The heart is normal in size."
    encoded = TOKENIZER.encode_report(findings)
    assert encoded.sentence_ids.max() == 2
    out, _ = cached(tmp_path, {1: HEART, 3: NODULE}, findings)
    record = cache.read_record(out, name_digest("ct.nii"))
    assert record.sentence_organs == ((), ())
    ids, _ = record.findings
    assert [s.index if s else None for s in spoken(findings, ids, record.spans, TOKENIZER)] == [None, 2]
    sample = CachedReports(out, asap_test(), TOKENIZER)[1]
    assert sample.organs_NC is not None
    assert not sample.regions_SN[0].any()
    assert torch.equal(sample.regions_SN[1], sample.organs_NC[:, 2])


@pytest.mark.parametrize(
    ("text", "lobes", "classical"),
    [
        ("The heart is normal in size.", {"heart"}, set()),
        ("The aorta is normal in caliber.", {"aorta"}, set()),
        ("The trachea is patent.", {"trachea"}, set()),
        ("Both lungs are clear.", {name for name in ORGANS if name.endswith("lobe")}, {"left_lung", "right_lung"}),
        ("The right lung is clear.", {"right_upper_lobe", "right_middle_lobe", "right_lower_lobe"}, {"right_lung"}),
        ("The left upper lobe is clear.", {"left_upper_lobe"}, set()),
        ("The right middle lobe is clear.", {"right_middle_lobe"}, set()),
        ("The upper lobe is clear.", set(), set()),  # of which side?
        ("The ascending aorta is normal.", set(), set()),
        ("Trachea and both main bronchi are open.", set(), set()),
        ("The heart is enlarged.", set(), set()),
        ("There is a nodule in the left upper lobe.", set(), set()),
        ("No pleural effusion.", set(), set()),
        ("The heart is normal without pericardial effusion.", set(), set()),
        ("Sequelae in the right lung.", set(), set()),
        ("The liver is normal.", set(), set()),
    ],
)
def test_only_a_sentence_that_calls_one_organ_normal_gets_its_mask(text: str, lobes: set[str], classical: set[str]) -> None:
    for classes, wanted in ((ORGANS, lobes), (CLASSICAL, classical)):
        names = list(classes)
        assert {names[number - 1] for number in named_organs(read_sentence(text), classes)} == wanted
