"""Which findings a whole study shows, told by the heads that compare whole images with whole reports; nothing is trained for it.

A recipe with a study loss (`asap_base`) has these heads, and the weights it leaves keep them beside what `asap` loads.
Axes: R studies, F findings, N tokens, D width, S sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from asap.errors import WeightsError
from asap.models.asap import Asap
from asap.models.load import LoadedAsap, load_model
from asap.models.weights import read_weights, verified_file
from asap.models.wordpiece import WordPiece
from asap.phantom.case import PhantomCase
from asap.phantom.findings import CONCEPTS
from asap.preprocess import to_network_grid
from asap.text.statements import denial, wordings_of
from asap_training.data.generated_cases import thorax_centre_ras_mm
from asap_training.data.generated_reports import network_grid
from asap_training.pretraining_model import StudyHeads
from asap_training.tasks.statistics import auroc

PREFIX = "study_heads."
Scores = NDArray[np.float64]


def stored_heads(folder: Path) -> StudyHeads | None:
    """The heads in the training part of a folder of weights; None where it holds none. Raises WeightsError."""
    stored = read_weights(folder)
    if "training" not in stored.manifest.files:
        return None
    try:
        entries = load_file(verified_file(folder, stored.manifest, "training"))
    except SafetensorError as error:
        raise WeightsError("The training part of the weights is damaged; write the weights again.") from error
    state = {name.removeprefix(PREFIX): value for name, value in entries.items() if name.startswith(PREFIX)}
    if not state:
        return None
    heads = StudyHeads(len(state["image.bias"]))
    heads.load_state_dict(state)
    return heads.eval()


@torch.inference_mode()
def finding_scores(
    model: Asap, heads: StudyHeads, tokenizer: WordPiece, images_11HWD: Iterable[Tensor], concepts: Sequence[str] = CONCEPTS
) -> Scores:
    """p("there is such a finding") of each study and finding [R, F]: softmax over the statement, in the mean of its wordings,
    and the denial, with the heads' own scale.
    """
    scale = heads.log_scale.exp().clamp(max=100.0)
    pairs_F2D = torch.stack([_pair(model, heads, tokenizer, concept) for concept in concepts])
    rows = []
    for image_11HWD in images_11HWD:
        tokens_1ND = model.project_image(model.encode_image(image_11HWD))
        image_D = F.normalize(heads.image(tokens_1ND.mean(1))[0], dim=-1)
        rows.append((scale * pairs_F2D @ image_D).softmax(-1)[:, 0].numpy())
    return np.stack(rows).astype(np.float64)


def _pair(model: Asap, heads: StudyHeads, tokenizer: WordPiece, concept: str) -> Tensor:
    """The finding stated and denied, as whole reports of one sentence, [2, D]."""

    def sentence_D(text: str) -> Tensor:
        words = tokenizer.encode_sentence(text)
        states_1LD = model.encode_text(torch.from_numpy(words.ids[None]))
        return model.sentence_features(states_1LD, torch.from_numpy(words.sentence_ids[None]))[0, 0]

    def read(texts: Sequence[str]) -> Tensor:
        sentences_SD = torch.stack([sentence_D(text) for text in texts])
        return F.normalize(F.normalize(heads.text(sentences_SD), dim=-1).mean(0), dim=-1)

    return torch.stack([read(wordings_of(concept)), read([denial(concept)])])


def study_table(folder: Path, cases: Iterable[PhantomCase]) -> str | None:
    """AUROC of every finding over generated cases, whole chests, as text; None where the weights hold no such heads."""
    heads = stored_heads(folder)
    if heads is None:
        return None
    loaded = load_model(folder, torch.float32)
    assert isinstance(loaded, LoadedAsap)  # only these have a training part
    grid = network_grid(loaded.model.config.encoder)
    found: list[set[str]] = []

    def images() -> Iterator[Tensor]:
        for case in cases:
            found.append({finding.concept for finding in case.findings})
            yield to_network_grid(case.volume, grid, centre_ras_mm=thorax_centre_ras_mm(case))[0]

    scores_RF = finding_scores(loaded.model, heads, loaded.tokenizer, images())
    lines = [f"Whole studies, zero-shot by the study heads: {len(found)} cases"]
    for place, concept in enumerate(CONCEPTS):
        has_R = np.array([concept in of_case for of_case in found])
        area = auroc(scores_RF[has_R, place], scores_RF[~has_R, place])
        if not np.isnan(area):
            lines.append(f"{concept:24} {int(has_R.sum()):4} cases  AUROC {area:.2f}")
    return "\n".join(lines)
