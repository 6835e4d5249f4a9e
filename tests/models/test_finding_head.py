"""The finding head: bound to its trunk, equal after storage, and blind to how large a box it is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from asap.errors import WeightsError
from asap.models.finding_head import STATED_SCALE, FindingHead, FindingHeadConfig, head_inputs
from asap.models.load_finding_head import finding_head_folder, load_finding_head, write_finding_head
from asap.models.mini import AsapMini
from asap.models.mini_image import MiniConfig

TRUNK = "a" * 64
TRUNK_SIZES = MiniConfig(grid=(4, 3, 5), stem_channels=8, cell_channels=16, width=48, depth=1, heads=1, features=8)
SIZES = FindingHeadConfig(findings=("nodule", "mass", "fracture"), stem=8, cells=16, fine_width=8, width=16, depth=1)


@pytest.fixture
def head() -> FindingHead:
    torch.manual_seed(0)
    head = FindingHead(SIZES).eval()
    torch.nn.init.normal_(head.out.weight, std=0.1)  # a new head corrects nothing
    return head


@pytest.fixture
def folder(head: FindingHead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASAP_WEIGHTS", str(tmp_path))
    write_finding_head(tmp_path / "tiny-findings", head, TRUNK, source="a test", licence="Apache-2.0")
    return tmp_path / "tiny-findings"


@torch.inference_mode()
def test_it_corrects_every_cell_and_a_new_one_leaves_the_statements_in_their_order(head: FindingHead) -> None:
    image = torch.rand(1, 1, *TRUNK_SIZES.input_shape) * 2 - 1
    trunk = AsapMini(TRUNK_SIZES).eval()
    stages = trunk.image.stages(image)
    logits = head(*head_inputs(stages, image))
    assert logits.shape == (1, 3, 8, 6, 10)
    stated = torch.randn_like(logits)
    assert not torch.allclose(head.joined(stated, logits), STATED_SCALE * stated)
    new = FindingHead(SIZES).eval()
    assert torch.equal(new.joined(stated, new(*head_inputs(stages, image))), STATED_SCALE * stated)
    assert torch.equal(head.joined(stated[..., 0, 0, 0], logits[..., 0, 0, 0]), head.joined(stated, logits)[..., 0, 0, 0])
    assert torch.equal(trunk.image(image), trunk.image.features(stages))


@torch.inference_mode()
def test_a_bright_spot_reaches_its_own_cell_and_not_the_far_end(head: FindingHead) -> None:
    trunk = AsapMini(TRUNK_SIZES).eval()
    image = torch.full((1, 1, *TRUNK_SIZES.input_shape), -1.0)
    stages = trunk.image.stages(image)
    spot = image.clone()
    spot[0, 0, 5, 5, 5] = 1.0  # one voxel of cell (1, 1, 1); the trunk's stages stay as they were
    changed = (head(*head_inputs(stages, spot)) - head(*head_inputs(stages, image)))[0].abs().amax(dim=0)
    assert changed[1, 1, 1] > 0
    assert changed[6, :, 8].max() == 0


def test_what_is_stored_is_what_is_loaded_and_belongs_to_one_trunk(head: FindingHead, folder: Path) -> None:
    loaded = load_finding_head(folder, TRUNK)
    assert loaded.findings == SIZES.findings
    assert finding_head_folder("tiny", TRUNK) == folder
    assert finding_head_folder("tiny", "b" * 64) is None
    rounded = {name: value.to(torch.bfloat16).float() for name, value in head.state_dict().items()}
    assert all(torch.equal(value, rounded[name]) for name, value in loaded.model.state_dict().items())
    with pytest.raises(WeightsError, match="other weights"):
        load_finding_head(folder, "b" * 64)


@pytest.mark.parametrize(
    ("key", "value"), [("findings", ["gremlin"]), ("findings", "nodule"), ("findings", ["nodule"]), ("width", 32), ("depths", 2)]
)
def test_a_manifest_that_does_not_fit_is_refused(folder: Path, key: str, value: object) -> None:
    path = folder / "manifest.json"
    record = json.loads(path.read_text())
    record["config"]["head"][key] = value
    path.write_text(json.dumps(record))
    with pytest.raises(WeightsError):
        load_finding_head(folder, TRUNK)
