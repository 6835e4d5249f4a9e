"""The heads of the embedded model: boxes, folding, and weights that belong to one trunk only."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asap.errors import WeightsError
from asap.models.conv3d import Conv3d
from asap.models.load_segmentation import belongs_to, load_segmentation, write_segmentation
from asap.models.mini_image import space_to_depth
from asap.models.prompt_maps import SIGMA_VOXELS, point_map
from asap.models.segmentation_head import LESION_HEAD, ORGAN_HEAD, SegmentationHead, contrast, depth_to_space

TRUNK = "a" * 64


def test_unfolding_undoes_folding() -> None:
    x = torch.randn(2, 3, 8, 4, 6)
    assert torch.equal(depth_to_space(space_to_depth(x)), x)


def test_any_box_of_whole_cells_gives_logits_of_its_voxels() -> None:
    torch.manual_seed(0)
    organs, lesions = SegmentationHead(ORGAN_HEAD).eval(), SegmentationHead(LESION_HEAD).eval()
    image, cells = torch.rand(1, 1, 16, 8, 12) * 2 - 1, torch.randn(1, 128, 4, 2, 3)
    assert organs(image, cells).shape == (1, ORGAN_HEAD.outputs, 16, 8, 12)
    prompts = torch.zeros(1, 3, 16, 8, 12)
    with_heat = torch.cat([cells, torch.zeros(1, 1, 4, 2, 3)], dim=1)
    before = lesions(image, with_heat, prompts)
    assert before.shape == (1, 1, 16, 8, 12)
    prompts[0, 0, 8, 4, 6] = 1
    assert not torch.equal(lesions(image, with_heat, prompts), before)


def test_the_far_end_of_a_box_hears_a_click() -> None:
    torch.manual_seed(0)
    head = SegmentationHead(LESION_HEAD).eval()
    assert head.told is not None
    torch.nn.init.normal_(head.told.to_cells.weight, std=0.1)
    image, cells, prompts = torch.zeros(1, 1, 64, 8, 8), torch.zeros(1, 129, 16, 2, 2), torch.zeros(1, 3, 64, 8, 8)
    before = head(image, cells, prompts)[0, 0, -4:]
    prompts[0, 0, 2, 4, 4] = 1
    assert (head(image, cells, prompts)[0, 0, -4:] - before).abs().max() > 1e-4


def test_a_small_box_is_convolved_as_pytorch_does_it() -> None:
    torch.manual_seed(0)
    ours = Conv3d(6, 5, 3, stride=2, padding=1)
    theirs = torch.nn.Conv3d(6, 5, 3, stride=2, padding=1)
    theirs.load_state_dict(ours.state_dict())
    for dtype, tolerance in ((torch.float32, 1e-6), (torch.float64, 1e-12)):
        results = []
        for conv in (ours.to(dtype), theirs.to(dtype)):
            conv.zero_grad()
            x = torch.linspace(-1, 1, 2 * 6 * 4 * 6 * 5, dtype=dtype).reshape(2, 6, 4, 6, 5).requires_grad_()
            y = conv(x)
            (y**2).sum().backward()
            results.append((y.detach(), x.grad, conv.weight.grad, conv.bias.grad))
        for one, other in zip(*results, strict=True):
            assert one is not None and other is not None
            assert (one - other).abs().max() <= tolerance * other.abs().max()


def test_a_voxel_is_compared_with_what_was_clicked_and_with_nothing_where_nothing_was() -> None:
    windows, clicked = torch.zeros(2, 3, 4, 4, 4), torch.zeros(2, 1, 4, 4, 4)
    windows[:, :, :2], clicked[0, 0, 1, 2, 2] = 0.5, 1.0
    seen = contrast(windows, clicked)
    assert seen[0, :, :2].abs().max() == 0
    assert torch.equal(seen[0, :, 2:], torch.full((3, 2, 4, 4), -0.5))
    assert seen[1].abs().max() == 0


def test_voxels_of_one_folded_place_are_told_apart() -> None:
    torch.manual_seed(0)
    head = SegmentationHead(LESION_HEAD).eval()
    assert head.edges is not None
    image, cells, prompts = torch.rand(1, 1, 16, 16, 16) - 0.5, torch.randn(1, 129, 4, 4, 4), torch.zeros(1, 3, 16, 16, 16)
    before = head(image, cells, prompts)
    torch.nn.init.normal_(head.edges.out.weight)
    added = head(image, cells, prompts) - before
    assert added.unfold(2, 2, 2).unfold(3, 2, 2).unfold(4, 2, 2).flatten(5).std(dim=5).min() > 0


def test_points_are_drawn_where_they_lie_between_voxels_too() -> None:
    drawn = point_map(torch.tensor([[3.5, 4.0, 2.0], [9.0, 9.0, 9.0]]), (12, 12, 12))
    assert drawn[9, 9, 9] == 1
    assert drawn[3, 4, 2] == drawn[4, 4, 2] == pytest.approx(float(torch.exp(torch.tensor(-0.125 / SIGMA_VOXELS**2))))
    far = point_map(torch.zeros(1, 3), (40, 4, 4))
    assert not ((far > 0) & (far < torch.finfo(torch.float32).tiny)).any()
    assert point_map(torch.zeros(0, 3), (4, 4, 4)).abs().max() == 0


def test_weights_come_back_and_another_trunk_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    heads = {
        name: (sizes, SegmentationHead(sizes).state_dict()) for name, sizes in (("organs", ORGAN_HEAD), ("lesions", LESION_HEAD))
    }
    manifest = write_segmentation(tmp_path / "heads", heads, TRUNK, source="made for a test", licence="Apache-2.0")
    assert belongs_to(tmp_path / "heads", TRUNK)
    loaded = load_segmentation(tmp_path / "heads", TRUNK)
    assert loaded.weights_sha256 == manifest.weights_sha256
    for name, value in loaded.lesions.state_dict().items():
        assert torch.equal(value, heads["lesions"][1][name].to(torch.bfloat16).float())
    assert not belongs_to(tmp_path / "heads", "b" * 64)
    with pytest.raises(WeightsError, match="other weights"):
        load_segmentation(tmp_path / "heads", "b" * 64)
