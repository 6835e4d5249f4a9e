"""One raw case -> its files in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from asap.errors import InputError
from asap.models.text_encoder import TextEncoder
from asap.models.wordpiece import WordPiece
from asap.report import Sentence
from asap.text.read import read_report
from asap_training.data import cache
from asap_training.data.cache import CaseRecord, Stored
from asap_training.data.case import RawCase, name_digest
from asap_training.data.image import ImageSettings, prepared_image
from asap_training.data.organ_masks import Labels, OrganSettings, organ_labels
from asap_training.data.organ_shares import organ_runs
from asap_training.data.sentence_regions import labelled_regions, named_organs, spoken

SIDED = ("left", "right")


@dataclass(frozen=True, eq=False)
class Preparer:
    """Everything that is the same for all cases. text_encoder: frozen; None where its features are not to be kept.

    verify: cases that are there are read and compared with their checksums before they count.
    """

    folder: Path
    image: ImageSettings
    organs: OrganSettings
    tokenizer: WordPiece
    text_encoder: TextEncoder | None = None
    verify: bool = False

    def __call__(self, raw: RawCase) -> CaseRecord | str:
        """The record of the case, which is made unless it is there; or one sentence why it cannot be made.

        OutputError, which is no fault of the case, goes through.
        """
        try:
            return self._found(raw) or self._made(raw)
        except InputError as error:
            return str(error)

    def _found(self, raw: RawCase) -> CaseRecord | None:
        with suppress(InputError):
            record = cache.read_record(self.folder, raw.case)
            if record.source == raw.source and cache.is_whole(self.folder, record, read=self.verify):
                return record
        return None

    def _made(self, raw: RawCase) -> CaseRecord:
        findings, report = raw.texts
        if not findings:
            raise InputError("The report has neither findings nor an impression.")
        tokens, spans = self._findings_tokens(findings)
        image = prepared_image(raw, self.image)
        labels = organ_labels(self.organs, raw, image)
        sentences = spoken(findings, tokens, spans, self.tokenizer)
        regions = labelled_regions(raw, image, findings, sentences)
        volume = cache.write_array(cache.case_path(self.folder, raw.case, "volume.b2nd"), image.hu_HWD, "prepared volume")
        text = hashlib.sha256(tokens.tobytes()).hexdigest()[:32]
        features = self._text_features(text, tokens)
        h, w, d = image.hu_HWD.shape
        record = CaseRecord(
            case=raw.case,
            patient=name_digest(raw.patient),
            split=raw.split,
            source=raw.source,
            content=hashlib.sha256(np.ascontiguousarray(image.hu_HWD).data.cast("B")).hexdigest(),
            shape=(h, w, d),
            affine=tuple(tuple(float(x) for x in row) for row in image.grid.voxel_affine),
            findings_ids=tuple(tokens.tolist()),
            spans=spans,
            sentence_organs=self._sentence_organs(sentences, regions),
            report_ids=tuple(self._tokens(report).tolist()),
            names_side=any(sentence.laterality in SIDED for sentence in read_report(report).sentences),
            volume=volume,
            organs=self._runs(raw, "organs.b2nd", labels, "prepared organ mask"),
            regions=self._runs(raw, "regions.b2nd", regions, "prepared regions of sentences"),
            text=None if features is None else text,
            text_features=features,
        )
        cache.write_record(self.folder, record)
        return record

    def _runs(self, raw: RawCase, ending: str, labels: Labels | None, what: str) -> Stored | None:
        path = cache.case_path(self.folder, raw.case, ending)
        return None if labels is None else cache.write_array(path, organ_runs(labels), what)

    def _sentence_organs(self, sentences: Sequence[Sentence | None], regions: Labels | None) -> tuple[tuple[int, ...], ...]:
        """Organs of the sentences that the label image of regions does not name."""
        if self.organs.kind == "none":
            return ((),) * len(sentences)
        told = set() if regions is None else set(np.unique(regions).tolist())
        return tuple(
            () if number in told else named_organs(sentence, self.organs.classes)
            for number, sentence in enumerate(sentences, start=1)
        )

    def _tokens(self, text: str) -> NDArray[np.int64]:
        encoded = self.tokenizer.encode_report(text)
        return encoded.ids[: int(encoded.mask.sum())]

    def _findings_tokens(self, findings: str) -> tuple[NDArray[np.int64], tuple[tuple[int, int], ...]]:
        encoded = self.tokenizer.encode_report(findings)
        spans = []
        for sentence in range(1, int(encoded.sentence_ids.max()) + 1):
            places = np.flatnonzero(encoded.sentence_ids == sentence)
            spans.append((int(places[0]), int(places[-1]) + 1))
        return encoded.ids[: int(encoded.mask.sum())], tuple(spans)

    def _text_features(self, text: str, tokens: NDArray[np.int64]) -> Stored | None:
        """Keep the last hidden states [L, D] of the findings; another case with the same text writes the same bytes."""
        if self.text_encoder is None:
            return None
        path = cache.text_path(self.folder, text)
        if path.exists() and not self.verify:
            data = path.read_bytes()
            return Stored(hashlib.sha256(data).hexdigest(), len(data))
        with torch.inference_mode():
            states_LD = self.text_encoder(torch.from_numpy(tokens)[None])[0]
        return cache.write_array(path, states_LD.to(torch.float16).numpy(), "text features")
