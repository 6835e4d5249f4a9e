"""Requests made from the server's own API document, good and bad, against the real server: never a server error.

The seed is fixed. The quick form sends 300 requests, the long one 2,250; ASAP_FUZZ_REQUESTS=N sends as many as a release wants.
"""

from __future__ import annotations

import collections
import math
import os
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from asap.client import AsapClient
from asap.io.nifti import write_nifti
from monailabel_app.server.policies import find_rule
from tests.server.http_requests import ask
from tests.server.live import LiveServer, live_server
from tests.thorax import thorax

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")
schemathesis = pytest.importorskip("schemathesis", reason="needs the development extra: pip install 'asap-ct[dev]'")

SEED = 20_261_122
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
SLOW = tuple(hypothesis.HealthCheck)
OWN = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")


class Shooter:
    """Sends cases to a server, half of them with ids that exist, and keeps what came back."""

    def __init__(self, server: LiveServer) -> None:
        import requests

        self.server = server
        self.line = requests.Session()
        self.line.trust_env = False
        self.client = AsapClient(server.url, server.token, session_liveness_s=600)
        chest = thorax(spacing_mm=(5.0, 5.0, 5.0))
        study = self.client.open_study(chest.hu.astype("<i2").tobytes(order="F"), chest.shape, chest.affine.tolist())
        self.client.ground(study, sentences=["The heart is enlarged."])
        self.ids = {"study_id": study, "model": "asap-test", "strategy": "random", "number": 0}
        self.session = self.client._session.headers()
        self.statuses: collections.Counter[int] = collections.Counter()
        self.failures: list[str] = []

    @property
    def sent(self) -> int:
        """Requests so far."""
        return sum(self.statuses.values())

    def send(self, case: Any, *, known: bool) -> None:
        """One request. known: with the ids of things that exist, unless it would remove them."""
        headers = {"Authorization": f"Bearer {self.server.token}"}
        if known and case.method != "DELETE":
            headers |= self.session
            for name in set(case.path_parameters or {}) & set(self.ids):
                case.path_parameters[name] = self.ids[name]
            if "image" in (case.query or {}):
                case.query["image"] = "chest"
        answer = case.call(base_url=self.server.url, session=self.line, headers=headers, timeout=60)
        self.statuses[answer.status_code] += 1
        names = OWN if case.operation.path.startswith("/asap/v1") else OWN[:1]
        try:
            case.validate_response(answer, checks=[schemathesis.checks.CHECKS.get_one(name) for name in names])
        except (AssertionError, BaseExceptionGroup) as failure:
            self.failures.append(f"{case.method} {case.operation.path} {answer.status_code} {failure!r:.600}")


def shoot(server: LiveServer, requests: int) -> Shooter:
    """Send at least that many requests to the operations that are open, as many to each as there are to make.

    A route without parameters has two or three requests that differ: what is then missing goes to the others, from further seeds.
    """
    shooter = Shooter(server)
    document = ask(server, "GET", "/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    found = [result.ok() for result in schema.get_all_operations()]
    open_ones = [operation for operation in found if is_open(operation)]
    assert len(open_ones) > 25
    kinds = [(operation, mode) for operation in open_ones for mode in MODES]
    seed = SEED
    while kinds and shooter.sent < requests:
        each = math.ceil((requests - shooter.sent) / len(kinds))
        further = []
        for operation, mode in kinds:
            before, seed = shooter.sent, seed + 1
            one_operation(shooter, operation, mode, each, seed)
            if shooter.sent - before >= each:
                further.append((operation, mode))
        kinds = further
    return shooter


def is_open(operation: Any) -> bool:
    match = find_rule(operation.method.upper(), operation.path.replace("{", "").replace("}", ""))
    return match is not None and match.rule.policy != "off"


def one_operation(shooter: Shooter, operation: Any, mode: Any, count: int, seed: int) -> None:
    """`count` requests of one kind to one operation."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=SLOW, phases=[hypothesis.Phase.generate]
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
    def run(case: Any, known: bool) -> None:
        shooter.send(case, known=known)

    try:
        run()
    except hypothesis.errors.Unsatisfiable:
        assert mode is MODES[1], operation.path  # nothing in it can be wrong


@pytest.mark.parametrize(
    "requests",
    [
        pytest.param(300, marks=pytest.mark.slow, id="few"),
        pytest.param(
            int(os.environ.get("ASAP_FUZZ_REQUESTS", "2250")), marks=[pytest.mark.long, pytest.mark.timeout(7200)], id="many"
        ),
    ],
)
def test_no_request_is_a_server_error(tmp_path: Path, requests: int) -> None:
    studies = tmp_path / "studies"
    studies.mkdir()
    chest = thorax(spacing_mm=(5.0, 5.0, 5.0))
    write_nifti(studies / "chest.nii.gz", chest.hu.astype(np.int16), chest.affine)
    with live_server(tmp_path, "--models", "asap-test", "--sessions", "20000") as server:
        shooter = shoot(server, requests)
        sent = shooter.sent
        print(f"{sent} requests: {dict(sorted(shooter.statuses.items()))}")  # noqa: T201
        assert shooter.failures == []
        assert sent >= requests
        assert not [status for status in shooter.statuses if status >= 500]
        assert shooter.statuses[200] > 0.05 * sent, "most must not end at the door"
        assert " error " not in server.log.read_text()
        assert shooter.client.health()
