"""What frozen features are worth: the benchmark's projection-only head, linear probes, and the organs' shares in a token.

Axes: R cases, D width, F findings. Everything is trained on the training cases and measured on the held-out ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression, Ridge
from torch import Tensor, nn
from torch.nn import functional as F

from asap.phantom.findings import CONCEPTS
from asap.phantom.phrases import FINDINGS
from asap_training.ablation.features import Floats, Frozen

FEWEST = 5  # cases with and without a finding, of each set, for its AUROC to count
PROBE_SHARES = (0.01, 0.1, 1.0)
PROBE_DRAWS = 5  # subsets of the small shares, averaged
RECALLS = (1, 5, 10)
Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Standardised:
    """Both sets with the training cases' mean and deviation per feature."""

    train_RD: Tensor
    held_RD: Tensor


def standardised(train_RD: Floats, held_RD: Floats) -> Standardised:
    """The features of both sets on one scale."""
    mean, deviation = train_RD.mean(axis=0), train_RD.std(axis=0) + 1e-6
    train, held = (torch.from_numpy((x - mean) / deviation).float() for x in (train_RD, held_RD))
    return Standardised(train, held)


def layer_normed(image_RD: Floats) -> Tensor:
    """What the benchmark's heads are shown: the mean token through a layer norm at identity. What all cases share stays in it,
    without which a head that has no offset cannot say that most findings are missing in most cases.
    """
    return F.layer_norm(torch.from_numpy(image_RD).float(), image_RD.shape[1:])


def counted(train: Frozen, held: Frozen) -> list[int]:
    """The findings that occur, and are missing, often enough in both sets."""

    def enough(has_R: NDArray[np.bool_]) -> bool:
        return min(int(has_R.sum()), int((~has_R).sum())) >= FEWEST

    return [f for f in range(len(CONCEPTS)) if enough(train.findings_RF[:, f]) and enough(held.findings_RF[:, f])]


class Projections(nn.Module):
    """The benchmark's only trained part: one bias-free matrix for images, one for texts (asap-method 2.5)."""

    def __init__(self, image: int, text: int) -> None:
        super().__init__()
        self.image, self.text = nn.Linear(image, text, bias=False), nn.Linear(text, text, bias=False)

    def cosines(self, image_RD: Tensor, text_SD: Tensor) -> Tensor:
        """[R, S]."""
        return F.normalize(self.image(image_RD), dim=-1) @ F.normalize(self.text(text_SD), dim=-1).T


def zero_shot_scores(train: Frozen, held: Frozen, text_of: Callable[[str], Floats], seed: int) -> Scores:
    """p("X.") - p("Not X.") of every held-out case and finding, [R, F]: softmax over the pair, mean square to one-hot,
    AdamW 1e-3, weight decay 1e-4, 20 epochs, batches of 16 (asap-method 2.5).
    """
    pairs = [(_named(concept), "Not " + _named(concept).lower()) for concept in CONCEPTS]
    text_PD = torch.from_numpy(np.stack([text_of(text) for pair in pairs for text in pair])).float()
    text_PD = (text_PD - text_PD.mean(0)) / (text_PD.std(0) + 1e-6)
    image_RD = layer_normed(train.image_RD)
    target_RF = torch.from_numpy(train.findings_RF).float()

    def shares(heads: Projections, image_RD: Tensor) -> Tensor:
        return heads.cosines(image_RD, text_PD).view(len(image_RD), -1, 2).softmax(-1)

    def loss(heads: Projections, rows: Tensor) -> Tensor:
        wanted_RF2 = torch.stack([target_RF[rows], 1 - target_RF[rows]], dim=-1)
        return F.mse_loss(shares(heads, image_RD[rows]), wanted_RF2)

    heads = _fitted(loss, len(target_RF), (image_RD.shape[1], text_PD.shape[1]), epochs=20, batch=16, seed=seed)
    with torch.inference_mode():
        pair_RF2 = shares(heads, layer_normed(held.image_RD))
    return np.asarray((pair_RF2[..., 0] - pair_RF2[..., 1]).numpy(), dtype=np.float64)


def retrieval_ranks(train: Frozen, held: Frozen, seed: int) -> Scores:
    """Rank (0 best) of each held-out case's own report among all, and of its own image: [R, 2]. Equals share their ranks.

    Symmetric cross-entropy on cosines, batches of 8, AdamW 1e-3, 40 epochs (asap-method 2.5).
    """
    image_RD, text = layer_normed(train.image_RD), standardised(train.report_RD, held.report_RD)

    def loss(heads: Projections, rows: Tensor) -> Tensor:
        cosines_RR = heads.cosines(image_RD[rows], text.train_RD[rows])
        own_R = torch.arange(len(rows))
        return (F.cross_entropy(cosines_RR, own_R) + F.cross_entropy(cosines_RR.T, own_R)) / 2

    widths = (image_RD.shape[1], text.train_RD.shape[1])
    heads = _fitted(loss, len(image_RD), widths, epochs=40, batch=8, seed=seed)
    with torch.inference_mode():
        cosines_RR = heads.cosines(layer_normed(held.image_RD), text.held_RD)
    own_R1 = cosines_RR.diagonal()[:, None]
    ranks = [(table > own_R1).sum(1) + ((table == own_R1).sum(1) - 1) / 2 for table in (cosines_RR, cosines_RR.T)]
    return np.asarray(torch.stack(ranks, dim=1).numpy(), dtype=np.float64)


def probe_scores(train: Frozen, held: Frozen, share: float, findings: list[int], seed: int) -> Scores:
    """Scores of a logistic regression on a share of the training cases, [R, F of `findings`]; 0 where it saw one class only."""
    features = standardised(train.image_RD, held.image_RD)
    train_RD, held_RD = features.train_RD.numpy(), features.held_RD.numpy()
    rows = np.random.default_rng([seed, round(1000 * share)]).permutation(len(train_RD))[: max(2, round(share * len(train_RD)))]
    out = np.zeros((len(held_RD), len(findings)))
    for column, finding in enumerate(findings):
        has_R = train.findings_RF[rows, finding]
        if has_R.any() and not has_R.all():
            out[:, column] = LogisticRegression(C=0.05, max_iter=500).fit(train_RD[rows], has_R).decision_function(held_RD)
    return out


def organ_error(train: Frozen, held: Frozen) -> tuple[float, float]:
    """Mean absolute error of the organs' shares in tokens that hold any, read off by ridge regression; and that of their mean."""
    scale = train.tokens_TD.std(axis=0) + 1e-6
    ridge = Ridge(alpha=1.0).fit(train.tokens_TD / scale, train.organs_TC)
    some_T = held.organs_TC.sum(axis=1) > 0
    guess_TC = np.clip(ridge.predict(held.tokens_TD[some_T] / scale), 0, 1)
    error, plain = (np.abs(g - held.organs_TC[some_T]).mean() for g in (guess_TC, train.organs_TC.mean(axis=0)))
    return float(error), float(plain)


def macro_auroc(scores_RF: Scores, has_RF: NDArray[np.bool_], rows: NDArray[np.int64]) -> float:
    """Mean AUROC over the findings that some of the cases have and some have not; nan where there is none.

    By ranks (Mann and Whitney), all findings at once: intervals ask for it a thousand times.
    """
    has, ranks = has_RF[rows], rankdata(scores_RF[rows], axis=0)
    with_it, without = has.sum(axis=0), (~has).sum(axis=0)
    both = (with_it > 0) & (without > 0)
    above = (ranks * has).sum(axis=0)[both] - with_it[both] * (with_it[both] + 1) / 2
    return float(np.mean(above / (with_it * without)[both])) if both.any() else float("nan")


def _named(concept: str) -> str:
    phrasing = FINDINGS[concept]
    name = (phrasing.bulk + phrasing.one + phrasing.many or (concept.replace("_", " "),))[0]
    return name[0].upper() + name[1:] + "."


def _fitted(
    loss: Callable[[Projections, Tensor], Tensor], cases: int, widths: tuple[int, int], *, epochs: int, batch: int, seed: int
) -> Projections:
    torch.manual_seed(seed)
    heads = Projections(*widths)
    optimizer = torch.optim.AdamW(heads.parameters(), lr=1e-3, weight_decay=1e-4)
    for _ in range(epochs):
        for rows in torch.randperm(cases).split(batch):
            if len(rows) > 1:
                optimizer.zero_grad(set_to_none=True)
                loss(heads, rows).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    return heads
