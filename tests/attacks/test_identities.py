"""Five hundred made-up identities through every route and failure: none is in a log, an error, a temporary name or a title.

What a caller names or writes itself may come back to that caller (a sentence in its answer, an image id in the datastore); the
server's own words never repeat it.
"""

from __future__ import annotations

import json
import random
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from asap.io.nifti import write_nifti
from tests.io.synthetic import write_dicom
from tests.server.http_requests import Answer, ask, ask_form, ask_json
from tests.server.live import LiveServer, live_server
from tests.thorax import thorax

pytest.importorskip("monailabel", reason="needs the server: pip install 'asap-ct[server]'")

from monailabel_app.server.policies import STOCK_ROUTES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

COUNT = 500
FIELDS = ("name", "number", "birth", "accession")
TOGETHER = 10  # identities in one request
IN_A_QUERY = 15


@dataclass(frozen=True)
class Identity:
    """A person who does not exist, or several in one."""

    name: str
    number: str
    birth: str
    accession: str
    sentence: str

    @classmethod
    def made(cls, seed: int) -> Identity:
        rng = random.Random(seed)
        first, last = ("".join(rng.choices(string.ascii_lowercase, k=9)).capitalize() for _ in range(2))
        number, accession = (str(rng.randrange(10**11, 10**12)) for _ in range(2))
        birth = f"{rng.randrange(1930, 1999)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"
        return cls(f"{last}^{first}", number, birth, accession, f"The heart of {first} {last} born {birth} is enlarged.")

    @property
    def words(self) -> tuple[str, ...]:
        """What must be found nowhere."""
        return tuple(re.findall(r"\w+", self.all))

    @property
    def all(self) -> str:
        return f"{self.name} {self.number} {self.birth} {self.accession}"


def crowds(people: list[Identity], size: int) -> Iterator[Identity]:
    """The same people, that many in each request."""
    for first in range(0, len(people), size):
        some = people[first : first + size]
        name, number, birth, accession = ("+".join(getattr(who, field) for who in some) for field in FIELDS)
        yield Identity(name, number, birth, accession, f"The hearts of {name} born {birth} are enlarged.")


@dataclass(frozen=True)
class Place:
    """Where requests go: the server, a session with a study, and images to send."""

    server: LiveServer
    session: dict[str, str]
    study: str
    image: bytes
    bad_image: Callable[[Identity], bytes]


Shot = Callable[[Place, Identity], Answer]


def job(place: Place, **fields: Any) -> Answer:
    return ask_json(place.server, "POST", f"/asap/v1/studies/{place.study}/jobs", fields, headers=place.session)


SHOTS: dict[str, Shot] = {
    "sentence": lambda p, i: job(p, task="ground", sentences=[i.sentence], wait_s=10),
    "report": lambda p, i: job(p, task="ground", report=f"FINDINGS: {i.sentence}\nPatient {i.all}", wait_s=10),
    "segment": lambda p, i: job(p, task="segment", targets=[i.name]),
    "lesion": lambda p, i: job(p, task="lesion", prompt={"sentence": i.sentence}),
    "question": lambda p, i: job(p, task="ask", question=f"Is the heart of {i.all} enlarged?", wait_s=10),
    "question too long": lambda p, i: job(p, task="ask", question=i.all * 100),
    "draft": lambda p, i: job(p, task="report", threshold=i.number),
    "findings": lambda p, i: job(p, task="classify", model=i.name),
    "sentence too long": lambda p, i: job(p, task="ground", sentences=[i.all * 100]),
    "model": lambda p, i: job(p, task="ground", sentences=["Heart."], model=i.name),
    "key": lambda p, i: job(p, task="ground", sentences=["Heart."], **{i.name: i.number}),
    "task": lambda p, i: job(p, task=i.all),
    "client name of one": lambda p, i: ask_json(p.server, "POST", "/asap/v1/sessions", {"client": i.name[:40]}),
    "datastore id of one": lambda p, i: ask_json(
        p.server, "POST", "/asap/v1/studies", {"datastore_id": i.number[:12]}, headers=p.session
    ),
    "client name": lambda p, i: ask_json(p.server, "POST", "/asap/v1/sessions", {"client": i.all}),
    "datastore id": lambda p, i: ask_json(p.server, "POST", "/asap/v1/studies", {"datastore_id": i.all}, headers=p.session),
    "broken JSON": lambda p, i: ask(
        p.server, "POST", "/asap/v1/studies", f'{{"{i.all}'.encode(), headers=p.session | {"Content-Type": "application/json"}
    ),
    "study id": lambda p, i: ask(p.server, "GET", f"/asap/v1/studies/{quote(i.name)}", headers=p.session),
    "job id": lambda p, i: ask(p.server, "GET", f"/asap/v1/jobs/{i.number}/result", headers=p.session),
    "part": lambda p, i: ask(p.server, "PUT", f"/asap/v1/studies/{i.number}/parts/{i.birth}", i.all.encode(), headers=p.session),
    "session id": lambda p, i: ask(p.server, "GET", "/asap/v1/jobs/x", headers={"X-ASAP-Session": i.number}),
    "route": lambda p, i: ask(p.server, "GET", f"/asap/v1/{quote(i.name)}?{i.number}={i.birth}"),
    "any path": lambda p, i: ask(p.server, "GET", f"/{quote(i.name)}/{i.number}"),
    "token": lambda p, i: ask(p.server, "GET", "/info/", token=i.number * 4),
    "headers": lambda p, i: ask(p.server, "GET", "/info/", headers={"User-Agent": i.all, "Cookie": i.all, "Referer": i.number}),
    "host": lambda p, i: ask(p.server, "GET", "/info/", headers={"Host": f"{i.number}.example"}),
    "origin": lambda p, i: ask(p.server, "GET", "/info/", headers={"Origin": f"http://{i.number}.example"}),
    "stock sentence": lambda p, i: stock(p, "chest", {"sentence": i.sentence}),
    "stock key": lambda p, i: stock(p, "chest", {"sentence": "Heart.", i.name: i.number}),
    "stock image": lambda p, i: stock(p, i.all, {"sentence": "Heart."}),
    "stock parameters": lambda p, i: ask_form(p.server, "POST", "/infer/asap-test?image=chest", {"params": i.all}),
    "stock model": lambda p, i: ask_form(p.server, "POST", f"/infer/{quote(i.name)}?image=chest", {"params": "{}"}),
    "stock file": lambda p, i: ask_form(
        p.server, "POST", "/infer/asap-test?output=json", {"params": '{"sentence": "Heart."}'},
        {"file": (f"{i.name}.nii.gz", p.bad_image(i))},
    ),
    "stock session": lambda p, i: ask_form(p.server, "PUT", "/session/", files={"files": (f"{i.name}.nii.gz", p.bad_image(i))}),
    "stock session id": lambda p, i: ask(p.server, "GET", f"/session/{quote(i.name)}"),
    "new image": lambda p, i: ask_form(
        p.server, "PUT", f"/datastore/image?image={quote(i.all)}", {"params": json.dumps({"name": i.name})},
        {"file": (f"{i.name}.nii.gz", p.bad_image(i))},
    ),
    "label": lambda p, i: ask_form(
        p.server, "PUT", f"/datastore/label?image={quote(i.name)}&tag={i.number}", {"params": i.all},
        {"label": (f"{i.name}.nii.gz", p.image)},
    ),
    "label tag": lambda p, i: ask(p.server, "GET", f"/datastore/label?label=chest&tag={quote(i.name)}"),
    "note": lambda p, i: ask_form(p.server, "PUT", f"/datastore/image/info?image={quote(i.name)}", {"info": i.all}),
    "next sample": lambda p, i: ask_json(p.server, "POST", "/activelearning/random", {"client_id": "x", "name": i.number}),
    "strategy": lambda p, i: ask_json(p.server, "POST", f"/activelearning/{quote(i.name)}", {}),
    "password": lambda p, i: ask_form(p.server, "POST", "/auth/token", {"username": i.name, "password": i.number}),
    "training": lambda p, i: ask_json(p.server, "POST", f"/train/{quote(i.name)}", {"name": i.all}, token="admin"),
    "delete": lambda p, i: ask(p.server, "DELETE", f"/datastore/image?id={quote(i.name)}", token="admin"),
}  # fmt: skip
ROUTES = sorted(route for route, rule in STOCK_ROUTES.items() if rule.policy != "off")
SAYS_IT_BACK = {"sentence", "report", "question", "stock sentence"}


def stock(place: Place, image: str, params: dict[str, str]) -> Answer:
    target = f"/infer/asap-test?image={quote(image)}&output=json"
    return ask_form(place.server, "POST", target, {"params": json.dumps(params)})


def named_everywhere(place: Place, method: str, path: str, who: Identity) -> Answer:
    """One request of a stock route with the identity wherever a name goes."""
    target = re.sub(r"\{\w+\}", quote(who.all), path)
    fields = {"image": who.name, "label": who.name, "id": who.number, "tag": who.birth, "session_id": who.accession}
    query = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
    body = None if method in ("GET", "HEAD", "DELETE") else json.dumps({who.name: who.number}).encode()
    return ask(place.server, method, f"{target}?{query}", body, token="admin", headers={"Content-Type": "application/json"})


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    chest = thorax(spacing_mm=(5.0, 5.0, 5.0))
    studies = tmp_path / "studies"
    studies.mkdir()
    write_nifti(studies / "chest.nii.gz", chest.hu.astype(np.int16), chest.affine)
    image = (studies / "chest.nii.gz").read_bytes()
    with live_server(tmp_path, "--models", "asap-test", "--sessions", "1000", by_command=True) as server:
        session = {"X-ASAP-Session": ask_json(server, "POST", "/asap/v1/sessions", {"client": "x"}).json()["session"]}
        opened = ask_json(server, "POST", "/asap/v1/studies", {"datastore_id": "chest"}, headers=session)
        yield Place(server, session, opened.json()["study"], image, lambda who: image[:200] + who.all.encode())


def test_no_identity_is_told_to_anybody_else(place: Place, tmp_path: Path) -> None:
    people = [Identity.made(seed) for seed in range(COUNT)]
    names: set[str] = set()
    dicom_of(place, people[0], tmp_path)
    for who in crowds(people, TOGETHER):
        for what, shot in SHOTS.items():
            answer = shot(place, who)
            assert answer.status not in (500, 502), (what, answer.body)
            told = answer.body.decode() + json.dumps(dict(answer.headers))
            if what not in SAYS_IT_BACK:
                assert not [word for word in who.words if word in told], (what, answer.status, told)
        names |= {path.name for path in place.server.temp.rglob("*")}
    for who in crowds(people, IN_A_QUERY):
        for method, path in ROUTES:
            answer = named_everywhere(place, method, path, who)
            told = answer.body.decode() + json.dumps(dict(answer.headers))
            assert not [word for word in who.words if word in told], (method, path, answer.status, told)
    everything = place.server.log.read_text(errors="replace") + " ".join(names)
    everything += "".join(Path(f"/proc/{place.server.pid}/{file}").read_text() for file in ("cmdline", "comm"))
    everything += "".join(task.read_text() for task in Path(f"/proc/{place.server.pid}/task").glob("*/comm"))
    hits = [word for who in people for word in who.words if word in everything]
    assert hits == []
    assert "POST /infer/{model} 200" in everything
    assert not [route for route in ROUTES if " ".join(route) not in everything], "every route was called"
    kept = "".join(path.read_text(errors="replace") for path in place.server.studies.rglob("*.json"))
    assert not [word for who in people for word in who.words if word in kept]


def dicom_of(place: Place, who: Identity, folder: Path) -> None:
    """A whole series that carries the identity in its headers, as a session and as a question."""
    chest = thorax(spacing_mm=(5.0, 5.0, 5.0))

    def named(dataset: Any, _slice: int) -> None:
        dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = who.name, who.number, who.birth
        dataset.AccessionNumber = who.accession

    files = write_dicom(folder / who.name, chest.hu.astype(np.int16), chest.affine, edit=named)
    limit = "identity"
    body = b"".join(
        f'--{limit}\r\nContent-Disposition: form-data; name="files"; filename="{path.name}"\r\n\r\n'.encode()
        + path.read_bytes() + b"\r\n"
        for path in files
    ) + f"--{limit}--\r\n".encode()  # fmt: skip
    headers = {"Content-Type": f"multipart/form-data; boundary={limit}"}
    made = ask(place.server, "PUT", "/session/", body, headers=headers)
    assert made.status == 200
    target = f"/infer/asap-test?session_id={made.json()['session_id']}&output=json"
    answer = ask_form(place.server, "POST", target, {"params": json.dumps({"sentence": "The heart is enlarged."})})
    assert answer.status == 200
    told = made.body.decode() + answer.body.decode()
    assert not [word for word in who.words if word in told]


@pytest.mark.parametrize("fault", ["none", "no chest", "damaged", "mixed"])
def test_the_command_line_tells_nothing_of_a_series_headers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    from asap.cli import main

    who = Identity.made(COUNT + len(fault))
    chest = thorax(spacing_mm=(5.0, 5.0, 5.0))
    hu = np.full(chest.shape, -1000, np.int16) if fault == "no chest" else chest.hu.astype(np.int16)

    def named(dataset: Any, slice_number: int) -> None:
        dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = who.name, who.number, who.birth
        dataset.AccessionNumber = who.accession
        if fault == "mixed" and slice_number % 2:
            dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.10.9"

    files = write_dicom(tmp_path / "series", hu, chest.affine, edit=named)
    if fault == "damaged":
        files[3].write_bytes(files[3].read_bytes()[:700])
    out = tmp_path / "out"
    try:
        main(
            [
                "ground",
                str(tmp_path / "series"),
                "--sentence",
                "The heart is enlarged.",
                "--out",
                str(out),
                "--model",
                "asap-test",
            ]
        )
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == (0 if fault == "none" else 2)
    said = capsys.readouterr()
    told = said.out + said.err
    for path in out.rglob("*"):
        told += path.name + (path.read_bytes().decode("latin-1") if path.is_file() else "")
    assert not [word for word in who.words if word in told]
    assert fault == "none" or len(said.err.strip().splitlines()) == 1
