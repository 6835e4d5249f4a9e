"""Prompts on the network's grid: where the head looks, that it is obeyed, and that what nobody meant is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from asap.errors import Cancelled, InputError
from asap.grounding import Grounding
from asap.inference.lesion_grid import CELL, SMALLEST_BOX, GridPrompt, answer, first_box
from asap.inference.lesions import grid_prompt, pointed_at
from asap.prompt import Prompt
from asap.report import Sentence
from asap.segment_types import LESIONS
from asap.segmentation import make_segment
from asap.volume import Volume

SHAPE = (112, 112, 112)
CELLS = torch.zeros(8, 28, 28, 28)


class BrightHead(nn.Module):
    """Takes everything bright for lesion, whatever the prompt: what the code around the head adds is seen."""

    def forward(self, image: Tensor, cells: Tensor, prompts: Tensor) -> Tensor:
        assert cells.shape[1:] == (9, *(n // CELL for n in image.shape[2:]))
        assert prompts.shape == (1, 3, *image.shape[2:])
        return torch.where(image > 0, 6.0, -6.0)


def bright(*boxes: tuple[slice, slice, slice]) -> Tensor:
    image = torch.full((1, 1, *SHAPE), -0.85)
    for box in boxes:
        image[(0, 0, *box)] = 0.03
    return image


def whole(found: object) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    box = tuple(slice(s, s + n) for s, n in zip(found.start, found.probability.shape, strict=True))  # type: ignore[attr-defined]
    mask[box] = found.probability > 0.5  # type: ignore[attr-defined]
    return mask


def points(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.asarray(rows, dtype=np.float64).reshape(-1, 3)


NEAR = (slice(40, 50), slice(40, 50), slice(40, 50))
BESIDE = (slice(56, 64), slice(40, 48), slice(40, 48))


def test_only_the_island_that_was_pointed_at_is_meant() -> None:
    mask = whole(answer(BrightHead(), bright(NEAR, BESIDE), CELLS, GridPrompt(include=points((45, 45, 45)))))  # type: ignore[arg-type]
    assert mask[NEAR].all()
    assert mask.sum() == 1000


def test_a_sentence_means_every_island_in_its_place() -> None:
    heat = np.zeros((28, 28, 28), dtype=np.float32)
    heat[10:12, 10:12, 10:12] = 1.0
    mask = whole(answer(BrightHead(), bright(NEAR, BESIDE), CELLS, GridPrompt(heat=heat)))  # type: ignore[arg-type]
    assert mask[NEAR].all()
    assert mask.sum() == 1000


def test_the_box_grows_until_a_large_lesion_fits() -> None:
    large = (slice(4, 108), slice(20, 90), slice(30, 60))
    mask = whole(answer(BrightHead(), bright(large), CELLS, GridPrompt(include=points((50, 50, 40)))))  # type: ignore[arg-type]
    assert mask.sum() == 104 * 70 * 30


def test_a_click_holds_against_the_head() -> None:
    said = GridPrompt(include=points((45, 45, 45)), exclude=points((48, 48, 48)))
    mask = whole(answer(BrightHead(), bright(NEAR), CELLS, said))  # type: ignore[arg-type]
    assert not mask[48, 48, 48]
    assert mask[45, 45, 45]
    missed = whole(answer(BrightHead(), bright(), CELLS, GridPrompt(include=points((45, 45, 45)))))  # type: ignore[arg-type]
    assert missed[45, 45, 45]
    assert missed.sum() < 60


def test_nothing_lies_outside_the_users_box() -> None:
    said = GridPrompt(include=points((44, 45, 45)), box=points((40, 40, 40), (44, 49, 49)))
    mask = whole(answer(BrightHead(), bright(NEAR), CELLS, said))  # type: ignore[arg-type]
    assert mask.sum() == 5 * 10 * 10
    assert mask[40:45, 40:50, 40:50].all()


@pytest.mark.parametrize("at", [(0, 0, 0), (111, 111, 111), (56, 3, 90)], ids=str)
def test_the_first_box_lies_in_the_grid_on_whole_cells(at: tuple[int, int, int]) -> None:
    low, high = first_box(GridPrompt(include=points(at)), SHAPE)
    assert all(a % CELL == 0 and b % CELL == 0 and 0 <= a < b <= 112 for a, b in zip(low, high, strict=True))
    assert all(b - a >= SMALLEST_BOX for a, b in zip(low, high, strict=True))
    assert all(a <= x < b for a, x, b in zip(low, at, high, strict=True))


def test_a_cancel_stops_a_prompt() -> None:
    image = bright(NEAR, BESIDE)

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        answer(BrightHead(), image, CELLS, GridPrompt(include=points((45, 45, 45))), stop)  # type: ignore[arg-type]


def grids() -> dict[str, np.ndarray | tuple[int, int, int]]:
    voxel, token = np.diag([3.0, 3.0, 3.0, 1.0]), np.diag([12.0, 12.0, 12.0, 1.0])
    voxel[:3, 3], token[:3, 3] = -100.0, -95.5
    return {"voxel_affine": voxel, "token_affine": token, "shape": SHAPE, "tokens": (28, 28, 28)}


def test_a_prompt_in_millimetres_finds_its_voxels_cells_and_the_segment_before() -> None:
    ct = Volume(np.zeros((200, 200, 60), dtype=np.int16), np.diag([1.0, 1.0, 4.0, 1.0]))
    ball = np.zeros(ct.shape, dtype=bool)
    ball[50:80, 60:90, 20:30] = True
    before = make_segment(ct, ball, LESIONS["lesion"], source="")
    heat = np.zeros((56, 56, 56), dtype=np.float32)
    heat[30:32, 30:32, 30:32] = 0.4
    fine = np.diag([6.0, 6.0, 6.0, 1.0])
    fine[:3, 3] = -98.5
    sentence = Sentence(0, "A mass.", (0, 7), "findings", "present", None, (), (), True, None)
    grounding = Grounding(sentence, heat, fine, 0.2, (0.0, 0.0, 0.0), None, 1, "not applicable", None, "x")
    said = Prompt(include=((-100.0, -70.0, 20.0),), grounding=grounding, previous=before)
    asked = grid_prompt(said, ct.affine, **grids())  # type: ignore[arg-type]
    assert np.allclose(asked.include, [[0, 10, 40]])
    assert asked.heat is not None
    assert asked.heat[15, 15, 15] == asked.heat.max() == 1
    assert asked.previous is not None
    assert asked.previous.sum() * 27 == pytest.approx(ball.sum() * 4, rel=0.1)
    inside = np.argwhere(asked.previous) * 3.0 - 100
    assert (inside.min(axis=0) >= [49, 59, 78]).all()
    assert (inside.max(axis=0) <= [80, 90, 118]).all()


def test_a_point_the_model_has_not_seen_is_refused() -> None:
    with pytest.raises(InputError, match="outside what the model has seen"):
        grid_prompt(Prompt(include=((500.0, 0.0, 0.0),)), np.eye(4), **grids())  # type: ignore[arg-type]


def test_a_sentence_clicks_in_the_middle_of_what_lies_in_its_place() -> None:
    hu = np.full((80, 80, 40), -850, dtype=np.int16)
    hu[30:46, 40:52, 14:22] = 30
    ct = Volume(hu, np.diag([1.5, 1.5, 3.0, 1.0]))
    heat = np.zeros((10, 10, 10), dtype=np.float32)
    heat[3:6, 4:7, 2:6], heat[3, 5, 4] = 0.4, 0.5
    cells = np.diag([12.0, 12.0, 12.0, 1.0])
    cells[:3, 3] = 6.0
    sentence = Sentence(0, "A mass.", (0, 7), "findings", "present", None, (), (), True, None)
    grounding = Grounding(sentence, heat, cells, 0.2, (48.0, 66.0, 48.0), None, 1, "not applicable", None, "x")
    said = pointed_at(ct, Prompt(grounding=grounding))
    assert np.allclose(said.include, [[56, 69, 52]], atol=4)
    assert said.grounding is grounding
    nowhere_to_grow = replace(grounding, threshold=None)
    assert pointed_at(ct, Prompt(grounding=nowhere_to_grow)).include == ((48.0, 66.0, 48.0),)
    clicked = Prompt(include=((50.0, 60.0, 50.0),), grounding=grounding)
    assert pointed_at(ct, clicked) is clicked
