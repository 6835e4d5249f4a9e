"""Grounding as a MONAI Label task: a sentence or report in, a label image of the regions and the groundings as JSON out."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType

from asap import limits
from asap.commands.folder import grounding_record
from asap.errors import InputError, LimitError
from asap.grounding import Grounding
from asap.inference.engine import Engine
from asap.pause import Pause
from asap.report import Sentence
from asap.text.read import read_report, read_sentence
from monailabel_app.lib.label_map import MAX_LABELS, label_map, write_labels
from monailabel_app.lib.stored_studies import StoredStudies, StoredStudy
from monailabel_app.lib.turns import Turns

NOTICE = "Research use. AI-generated. Not for diagnosis."
EXTENSIONS = (".nii.gz", ".nii", ".nrrd")
# What a viewer that knows nothing of sentences asks when its user presses "Run".
FIRST_SENTENCE = "The heart is normal in size."
SENTENCES_AT_ONCE = 16  # a pass of the text encoder; clicks of others come in between


@dataclass(frozen=True)
class GroundRequest:
    """A checked request. path: a file or DICOM folder on this machine. private: the caller brought it."""

    path: Path
    private: bool
    sentences: tuple[Sentence, ...]
    fine: bool
    extension: str
    compress: bool


class GroundTask(InferTask):  # type: ignore[misc]
    """One engine as a task of type segmentation, which is what stock viewers offer a button for. parameters: of a request."""

    parameters = frozenset({"sentence", "report", "fine", "result_extension", "result_compress"})

    def __init__(self, engine: Engine, turns: Turns) -> None:
        grounder = engine.grounder
        super().__init__(
            type=InferType.SEGMENTATION,
            labels=["region"],
            dimension=3,
            description=f"{grounder.name}: shows where a report sentence is true in a chest CT. {NOTICE}",
            config={"sentence": FIRST_SENTENCE, "report": "", "fine": False, "result_extension": ".nii.gz"},
        )
        self._engine = engine
        self._studies = StoredStudies(engine)
        self._turns = turns

    def info(self) -> dict[str, Any]:
        """What `/info` says of the model."""
        grid = self._engine.grounder.grid
        card = {
            "weights_sha256": self._engine.grounder.weights_sha256,
            "spacing_mm": list(grid.spacing_mm),
            "cell_mm": [spacing * cell for spacing, cell in zip(grid.spacing_mm, grid.cell, strict=True)],
            "notice": NOTICE,
        }
        return {**super().info(), "card": card}

    def forget_missing(self) -> None:
        """Drop what is kept of files that were removed."""
        self._studies.forget_missing()

    def is_valid(self) -> bool:
        """Weights were verified when the engine was loaded."""
        return True

    def __call__(self, request: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """Answer one request: (path of the label image, JSON). No path when no sentence has a place. Raises AsapError."""
        asked = checked_request(request)
        work = GroundWork(self._engine, self._studies, asked)
        self._turns(work)
        study, groundings = work.study, work.groundings
        document = {
            "notice": NOTICE,
            "model": {"name": self._engine.grounder.name, "weights_sha256": self._engine.grounder.weights_sha256},
            "sentences": [grounding_record(grounding) for grounding in groundings],
            "label_names": {g.sentence.text: n for n, g in enumerate(groundings, 1) if g.heatmap is not None},
        }
        if not document["label_names"] or request.get("labels_wanted") is False:
            return None, document
        handle = tempfile.NamedTemporaryFile(prefix="asap-", suffix=asked.extension, delete=False)  # noqa: SIM115
        handle.close()
        path = Path(handle.name)
        try:
            labels = label_map(groundings, study.shape, study.affine)
            write_labels(path, labels, study.affine, compress=asked.compress)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return str(path), document


class GroundWork:
    """One request as work that waits for its turn. study, groundings: what came of it."""

    study: StoredStudy

    def __init__(self, engine: Engine, studies: StoredStudies, asked: GroundRequest) -> None:
        self.groundings: list[Grounding] = []
        self._engine = engine
        self._studies = studies
        self._asked = asked

    def encoded(self) -> bool:
        """Whether the file's features are still there."""
        known = self._studies.known(self._asked.path, fine=self._asked.fine)
        if known is not None:
            self.study = known
        return known is not None

    def encode(self, pause: Pause) -> None:
        """Read and encode the file, or recall what another request meanwhile made of it."""
        asked = self._asked
        self.study = self._studies.encoded(asked.path, fine=asked.fine, private=asked.private, pause=pause)

    def answer_some(self) -> bool:
        """The next few sentences; True when all are answered."""
        first = len(self.groundings)
        some = self._asked.sentences[first : first + SENTENCES_AT_ONCE]
        self.groundings += self._engine.ground(self.study.features, some)
        return len(self.groundings) == len(self._asked.sentences)


def checked_request(request: dict[str, Any]) -> GroundRequest:
    """The parts of a request that grounding uses, each of the right kind. Raises InputError."""
    extension = request.get("result_extension") or ".nii.gz"
    if extension not in EXTENSIONS:
        raise InputError(f"The result_extension must be one of {', '.join(EXTENSIONS)}.")
    flags = {name: request.get(name, default) for name, default in (("fine", False), ("result_compress", True))}
    if not all(isinstance(flag, bool) for flag in flags.values()):
        raise InputError("fine and result_compress are true or false.")
    path, private = Path(request["image"]), request.get("private") is True
    return GroundRequest(path, private, _sentences(request), flags["fine"], extension, flags["result_compress"])


def _sentences(request: dict[str, Any]) -> tuple[Sentence, ...]:
    sentence, report = request.get("sentence") or "", request.get("report") or ""
    if not isinstance(sentence, str) or not isinstance(report, str) or not (sentence or report):
        raise InputError('Ask about a sentence or a report: {"sentence": "..."} or {"report": "..."}.')
    if len(sentence) > limits.MAX_SENTENCE_CHARS or len(report) > limits.MAX_REPORT_CHARS:
        raise LimitError(f"A sentence has at most {limits.MAX_SENTENCE_CHARS} characters, a report {limits.MAX_REPORT_CHARS}.")
    # The viewers' default sentence stands beside a report that was typed in.
    sentences = read_report(report).sentences if report else (replace(read_sentence(sentence), index=0),)
    if len(sentences) > MAX_LABELS:
        raise LimitError(f"A label image holds {MAX_LABELS} sentences; send the report in parts.")
    return sentences
