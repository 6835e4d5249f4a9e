"""A finding head that is installed for the trunk: it is found, corrects the statements cell by cell, and survives the disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asap.inference.feature_store import FeatureStore
from asap.inference.load import load_engine
from asap.models.finding_head import STATED_SCALE, FindingHead, FindingHeadConfig
from asap.models.load_finding_head import write_finding_head
from asap.phantom.case import generate_case

RISE = 2.5


@pytest.mark.slow
def test_an_installed_head_corrects_what_the_statements_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = generate_case(3, spacing_mm=6.0).volume
    bare = load_engine("asap-mini")
    stated = bare.findings.maps(bare.encode(volume)).log_odds("nodule")
    head = FindingHead(FindingHeadConfig(findings=("mass", "nodule")))
    torch.nn.init.constant_(head.out.bias, RISE)  # type: ignore[arg-type]
    write_finding_head(tmp_path / "asap-mini-findings", head, bare.grounder.weights_sha256, source="a test", licence="Apache-2.0")
    monkeypatch.setenv("ASAP_WEIGHTS", str(tmp_path))
    for _ in range(2):  # the second engine reads what the first one stored
        engine = load_engine("asap-mini", FeatureStore(tmp_path / "kept"))
        corrected = engine.findings.maps(engine.encode(volume)).log_odds("nodule")
        assert torch.allclose(corrected, STATED_SCALE * stated + RISE, atol=0.02)
    other = engine.findings.maps(engine.encode(volume)).log_odds("fracture")
    assert torch.equal(other, bare.findings.maps(bare.encode(volume)).log_odds("fracture"))
