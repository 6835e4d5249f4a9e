"""A small report decoder from its folder."""

from __future__ import annotations

from pathlib import Path

import torch

from asap.errors import WeightsError
from asap.models.load import fill, frozen
from asap.models.report_decoder import ReportDecoder, ReportDecoderConfig
from asap.models.weights import read_weights


def load_report_decoder(folder: Path, trunk_sha256: str) -> ReportDecoder:
    """Raises WeightsError when the files are damaged, or were trained on another trunk."""
    stored = read_weights(folder)
    config = stored.manifest.config
    if stored.manifest.architecture != "report-decoder" or set(config) != {"decoder", "trunk_sha256"}:
        raise WeightsError("These weights are not a report decoder.")
    if config["trunk_sha256"] != trunk_sha256:
        raise WeightsError("The report decoder belongs to another image model; train it again for this one.")
    with torch.device("meta"):
        decoder = ReportDecoder(ReportDecoderConfig.from_json(config["decoder"]))
    fill(decoder, stored.tensors)
    return frozen(decoder)
