"""Users who correct the lesion head while it learns: each sees its answer, clicks where it is wrong, and is asked again later.

Every step takes some of the users one round further and learns from their rounds alone, so that a fifth click costs no more
than a first. What a user is shown is made as inference makes it: clicks overrule the head, and islands nobody meant are left out.
Axes: P prompts, H W D voxels of a box.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from asap.inference.lesion_grid import GridPrompt, meant, obedient
from asap.models.prompt_maps import point_map
from asap_training.data.segmentation_samples import LesionSample, SegmentationCases
from asap_training.simulated_clicks import next_click

SEVERAL_AT_ONCE = 0.15
# A user who aims at the deepest voxel of the error exactly, as simulated users of a score do; the others only near it.
EXACT = 0.5
ROUNDS_POINTED, ROUNDS_NAMED = 7, 3


@dataclass(eq=False)
class Correction:
    """One user on one lesion. prompts_PHWD: clicks inside, outside, the answer before. rounds_left: this one included."""

    sample: LesionSample
    prompts_PHWD: Tensor
    rounds_left: int
    inside: list[tuple[int, int, int]] = field(default_factory=list)

    def see(self, logits_HWD: Tensor, rng: np.random.Generator) -> None:
        """Take the answer of this round and click again, or leave."""
        self.rounds_left -= 1
        if self.rounds_left == 0:
            return
        inside, outside, before = self.prompts_PHWD
        found = obedient(logits_HWD, inside, outside).numpy() > 0
        prompt = GridPrompt(
            np.array(self.inside, dtype=np.float64).reshape(-1, 3),
            heat=self.sample.heat[0].numpy(),
            previous=before.numpy() > 0 if before.any() else None,
        )
        answer = meant(found, prompt, (0, 0, 0))
        self.prompts_PHWD[2] = torch.from_numpy(answer)
        if not self.click(answer, rng):
            self.rounds_left = 0

    def click(self, answer_HWD: np.ndarray, rng: np.random.Generator) -> bool:
        """Add one to three clicks; false where there is no error."""
        exact = rng.random() < EXACT
        for _ in range(int(rng.integers(2, 4)) if rng.random() < SEVERAL_AT_ONCE else 1):
            made = next_click(answer_HWD, self.sample.target.numpy(), None if exact else rng)
            if made is None:
                return False
            if made.inside:
                self.inside.append(made.voxel)
            channel = 0 if made.inside else 1
            drawn = point_map(torch.tensor([made.voxel]), self.sample.target.shape)  # type: ignore[arg-type]
            self.prompts_PHWD[channel] = torch.maximum(self.prompts_PHWD[channel], drawn)
            if exact:
                break
        return True


class Users:
    """So many users at once, taken in turn; one who is content or tired is replaced by another."""

    def __init__(self, cases: SegmentationCases, count: int, prompts: int) -> None:
        self.cases, self.prompts = cases, prompts
        self.at_work: list[Correction | None] = [None] * count
        self._next = 0

    def renew(self) -> None:
        """Send all of them away, so that what comes depends on no earlier step."""
        self.at_work = [None] * len(self.at_work)
        self._next = 0

    def take(self, count: int, rng: np.random.Generator) -> list[Correction]:
        """The users whose turn it is."""
        taken = []
        for _ in range(count):
            user = self.at_work[self._next]
            if user is None or user.rounds_left == 0:
                user = self.at_work[self._next] = self._new(rng)
            taken.append(user)
            self._next = (self._next + 1) % len(self.at_work)
        return taken

    def _new(self, rng: np.random.Generator) -> Correction:
        sample = self.cases.lesion(rng)
        rounds = int(rng.integers(1, (ROUNDS_POINTED if sample.pointed_at else ROUNDS_NAMED) + 1))
        user = Correction(sample, torch.zeros(self.prompts, *sample.target.shape), rounds)
        if sample.pointed_at:
            user.click(np.zeros(sample.target.shape, dtype=np.bool_), rng)
        return user
