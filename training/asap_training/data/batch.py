"""One sample and one batch of pre-training, by named fields.

Axes: B batch, H W D voxels along right, anterior, superior; N tokens of the grid, C organ classes, L text positions, S sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

HU_LIMIT = 1000  # the published window is -1000 to 1000 HU (asap-method 1.2)


@dataclass(frozen=True, eq=False)
class Sample:
    """One volume and its report, augmented and drawn. Random draws belong to the sample, so no saved state is needed for them.

    volume_1HWD: float32 in [-1, 1], or int16 HU in the window, which `Batch.to` scales. organs_NC: share of each token per organ
    class, or None without masks. findings_ids_L with findings_sentences_L (0 = none, 1..S): the unmasked findings.
    report_ids_L, report_masked_L: the report, and the same with [MASK]; report_scored_L: True where its loss is taken. Id 0 is
    padding; text need not be padded. noise_N: the draw that decides which tokens are visible. regions_SN: share of each token
    that a sentence's region fills, zero rows where a sentence has none. sentence_keys_S: not 0, equal for sentences that say the
    same. findings_states_LD: what the frozen text encoder makes of the findings, where that was kept.
    """

    volume_1HWD: Tensor
    organs_NC: Tensor | None
    findings_ids_L: Tensor
    findings_sentences_L: Tensor
    report_ids_L: Tensor
    report_masked_L: Tensor
    report_scored_L: Tensor
    noise_N: Tensor
    regions_SN: Tensor
    sentence_keys_S: Tensor
    findings_states_LD: Tensor | None = None


@dataclass(frozen=True)
class Counts:
    """Mean number per micro-batch, over the whole step and all ranks, of what the losses are means of.

    Dividing by these instead of by a micro-batch's own numbers makes the step's loss the same however it is cut up.
    """

    sentences: float
    report_positions: float
    regions: float
    studies: float


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples side by side, text padded with 0 to the longest.

    sentence_keys_BS: 0 where a sentence is absent. findings_states_BLD: None lets the model encode the findings. counts: of the
    whole step; None takes this batch's own.
    """

    volume_B1HWD: Tensor
    organs_BNC: Tensor | None
    findings_ids_BL: Tensor
    findings_sentences_BL: Tensor
    report_ids_BL: Tensor
    report_masked_BL: Tensor
    report_scored_BL: Tensor
    noise_BN: Tensor
    regions_BSN: Tensor
    sentence_keys_BS: Tensor
    findings_states_BLD: Tensor | None = None
    counts: Counts | None = None

    @property
    def findings_mask_BL(self) -> Tensor:
        """True where the findings hold a token."""
        return self.findings_ids_BL != 0

    @property
    def report_mask_BL(self) -> Tensor:
        """True where the report holds a token."""
        return self.report_ids_BL != 0

    @property
    def valid_BS(self) -> Tensor:
        """True where sentence s of a report exists and holds a token besides [CLS]."""
        sentences = self.sentence_keys_BS.shape[1]
        return F.one_hot(self.findings_sentences_BL[:, 1:], sentences + 1)[..., 1:].any(dim=1)

    def own_counts(self) -> Counts:
        """What the losses of this batch alone are means of."""
        return Counts(
            float(self.valid_BS.sum()),
            float(self.report_scored_BL.sum()),
            float((self.regions_BSN.sum(-1) > 0).sum()),
            float(len(self.volume_B1HWD)),
        )

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device. Stored HU are scaled there: they are half as many bytes to bring."""
        moved: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        moved |= {k: v.to(device, non_blocking=True) for k, v in moved.items() if isinstance(v, Tensor)}
        if moved["volume_B1HWD"].dtype == torch.int16:
            moved["volume_B1HWD"] = moved["volume_B1HWD"].float().div_(HU_LIMIT)
        return Batch(**moved)

    def with_counts(self, counts: Counts) -> Batch:
        """The same batch as a part of a larger step."""
        return replace(self, counts=counts)


class Source(Protocol):
    """Where samples come from. Sample `number` must depend on the source and the number alone."""

    @property
    def cases(self) -> int:
        """Number of cases of one epoch."""

    def __getitem__(self, number: int) -> Sample: ...

    def for_text_encoder(self, sha256: str) -> Source:
        """The same source, its samples with the kept states of this frozen text encoder where it has them."""


def collate(samples: Sequence[Sample] | Batch) -> Batch:
    """Samples -> batch; a source that makes whole batches has done it already."""
    if isinstance(samples, Batch):
        return samples
    # By numpy, whose fresh memory comes in large pages: half the time.
    return collated(samples, torch.from_numpy(np.stack([s.volume_1HWD.numpy() for s in samples])))


def collated(samples: Sequence[Sample], volume_B1HWD: Tensor) -> Batch:
    """Samples and their volumes side by side -> batch. Organ shares are kept when every sample has them."""
    sentences = max(1, *(len(s.sentence_keys_S) for s in samples))
    organs = [s.organs_NC for s in samples if s.organs_NC is not None]
    states = [s.findings_states_LD for s in samples if s.findings_states_LD is not None]
    regions = [F.pad(s.regions_SN, (0, 0, 0, sentences - len(s.regions_SN))) for s in samples]
    return Batch(
        volume_B1HWD=volume_B1HWD,
        organs_BNC=torch.stack(organs) if len(organs) == len(samples) else None,
        findings_ids_BL=_padded([s.findings_ids_L for s in samples]),
        findings_sentences_BL=_padded([s.findings_sentences_L for s in samples]),
        report_ids_BL=_padded([s.report_ids_L for s in samples]),
        report_masked_BL=_padded([s.report_masked_L for s in samples]),
        report_scored_BL=_padded([s.report_scored_L for s in samples]),
        noise_BN=torch.stack([s.noise_N for s in samples]),
        regions_BSN=torch.stack(regions),
        sentence_keys_BS=_padded([s.sentence_keys_S for s in samples], sentences),
        findings_states_BLD=_padded(states) if len(states) == len(samples) else None,
    )


def _padded(rows: Sequence[Tensor], length: int = 1) -> Tensor:
    length = max(length, *(len(row) for row in rows))
    return torch.stack([F.pad(row, (0, 0) * (row.dim() - 1) + (0, length - len(row))) for row in rows])
