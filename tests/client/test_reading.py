"""Questions, a drafted report and the 18 findings through the client, from the real server with the shipped model."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from asap.client import AsapClient, Cancelled, Progress, RequestRefused
from asap.inference.engine import Engine
from asap.inference.features import StudyFeatures
from asap.inference.load import load_engine
from asap.phantom.case import PhantomCase, generate_case
from asap.segmentation import Segmentation
from asap.text.ctrate_labels import CTRATE_FINDINGS
from asap.volume import to_int16
from tests.server.live import LiveServer, live_server
from tests.server.test_segment_kinds import drawn

pytestmark = pytest.mark.slow

SEED = 7_900_100
CANCELLED_S = 2.0
SIZE = "How large is the mass?"
QUESTIONS = ("Is there a pleural effusion?", "Where is the mass?", SIZE, "Is there a tumour of the skin?")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
    with live_server(tmp_path_factory.mktemp("reading")) as server:
        yield server


@pytest.fixture
def client(live: LiveServer) -> Iterator[AsapClient]:
    made = AsapClient(live.url, live.token)
    yield made
    made.close()


@pytest.fixture(scope="module")
def case() -> PhantomCase:
    """A chest with an effusion and a mass."""
    return generate_case(SEED, required=("pleural_effusion", "mass"))


@pytest.fixture(scope="module")
def known(case: PhantomCase) -> tuple[Engine, StudyFeatures]:
    """The engine itself, asked without a server."""
    engine = load_engine("asap-mini")
    return engine, engine.encode(case.volume)


def upload(client: AsapClient, case: PhantomCase) -> str:
    voxels = to_int16(case.volume.hu).astype("<i2").tobytes(order="F")
    return client.open_study(voxels, case.volume.shape, case.volume.affine.tolist())


def test_answers_are_the_engines_with_place_size_and_cannot_tell(
    client: AsapClient, case: PhantomCase, known: tuple[Engine, StudyFeatures]
) -> None:
    engine, features = known
    study, told = upload(client, case), list[Progress]()
    for question in (
        "Is there a pleural effusion?",
        "Where is the mass?",
        "How large is the mass?",
        "Is there a tumour of the skin?",
    ):
        truth = engine.ask(features, question, case.volume)
        answer = client.ask(study, question, progress=told.append)
        assert (answer.text, answer.verdict, answer.kind) == (truth.text, truth.verdict, truth.question.kind)
        assert answer.confidence == (None if truth.confidence is None else pytest.approx(truth.confidence, abs=1e-4))
        assert answer.reason == truth.reason
        assert answer.notice.startswith("Research use.")
        assert len(answer.evidence) == len(truth.evidence)
        for shown, meant in zip(answer.evidence, truth.evidence, strict=True):
            assert shown.statement.text == meant.grounding.sentence.text
            assert shown.statement.map is not None
            assert shown.statement.peak_ras_mm == pytest.approx(meant.grounding.peak_ras_mm, abs=0.011)
    assert {"encoding the volume", "looking for findings"} <= {progress.stage for progress in told}


def test_a_size_is_that_of_a_segment_which_comes_with_it(
    client: AsapClient, case: PhantomCase, known: tuple[Engine, StudyFeatures]
) -> None:
    engine, features = known
    answer, truth = client.ask(upload(client, case), SIZE), engine.ask(features, SIZE, case.volume).evidence[0].segment
    segment = answer.evidence[0].segment
    assert segment is not None
    assert truth is not None
    assert segment.longest_diameter_mm == answer.size_mm == answer.evidence[0].size_mm
    assert answer.size_mm == pytest.approx(truth.measurements.longest_diameter_mm, abs=0.06)
    wanted = Segmentation(case.volume.shape, case.volume.affine, (truth,)).mask(truth.name)
    assert (drawn(np.zeros(case.volume.shape, dtype=np.bool_), segment.box) == wanted).all()


def test_a_draft_and_the_findings_are_the_engines(
    client: AsapClient, case: PhantomCase, known: tuple[Engine, StudyFeatures]
) -> None:
    engine, features = known
    study = upload(client, case)
    truth, draft = engine.draft(features, case.volume), client.draft_report(study)
    assert draft.text == truth.text()
    assert draft.author == "findings"
    for shown, meant in zip(draft.sentences, truth.sentences, strict=True):
        assert (shown.answer.text, shown.organ, shown.answer.section) == (meant.text, meant.organ, meant.section)
        assert (shown.state, shown.held_back_because) == (meant.state, meant.reason)
        assert shown.probability == pytest.approx(meant.probability, abs=1e-4)
        assert (shown.answer.map is None) == (meant.grounding.heatmap is None)
    assert {sentence.state for sentence in draft.sentences} >= {"supported", "held back"}
    low, high = client.draft_report(study, threshold=0.0), client.draft_report(study, threshold=1.0)
    kept = [sum(one.state == "supported" for one in each.sentences) for each in (low, draft, high)]
    assert kept == sorted(kept, reverse=True)
    assert kept[2] == 0
    labels = client.classify(study).labels
    assert [label.name for label in labels] == list(CTRATE_FINDINGS)
    effusion = next(label for label in labels if label.name == "Pleural effusion")
    assert effusion.verdict == "present"
    assert effusion.estimates[0].side in ("left", "right")


def test_what_cannot_be_asked_is_refused_in_one_sentence(client: AsapClient, case: PhantomCase) -> None:
    study = upload(client, case)
    for question in ("?", "", "Is there a mass? " * 3_000):
        with pytest.raises(RequestRefused):
            client.ask(study, question)
    with pytest.raises(RequestRefused):
        client.draft_report(study, threshold=2.0)


@pytest.mark.parametrize("task", ["ask", "report", "classify"])
def test_a_cancelled_job_ends_within_two_seconds(client: AsapClient, case: PhantomCase, task: str) -> None:
    study, stop, told = upload(client, case), threading.Event(), list[Progress]()
    calls = {
        "ask": lambda: client.ask(study, "How large is the mass?", progress=told.append, cancel=stop),
        "report": lambda: client.draft_report(study, progress=told.append, cancel=stop),
        "classify": lambda: client.classify(study, progress=told.append, cancel=stop),
    }
    ended: list[float] = []

    def run() -> None:
        with pytest.raises(Cancelled):
            calls[task]()
        ended.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    while not any(progress.share is not None for progress in told):
        time.sleep(0.01)
    asked = time.monotonic()
    stop.set()
    thread.join(60)
    assert ended[0] - asked < CANCELLED_S
