"""Whether the server answers while it works: health, info, seen and new sentences during an encoding and during an upload.

The real server with `asap-base` (formula-made weights, bfloat16); one case is encoded, another one of 512 x 512 x 300 is encoded
again and again with --fine, and a volume of 157 MB is sent to MONAI Label's session route again and again.
Run: python -m tests.benchmarks.server_latency [--seconds 30]      (needs ASAP_REFERENCE_DATA for the tokenizer)
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from asap.client import AsapClient, Cancelled, ClientError
from tests.benchmarks.clinical_case import base_server, new_sentence, percentiles, timed, write_case
from tests.server.live import LiveServer

SEEN = "The heart is enlarged."
EVERY_S = 0.05
BARS = {"health": "bar p99 100", "info": "bar p99 100", "seen sentence": "bar p99 100", "new sentence": "bar p95 400"}


class Prober:
    """Asks one thing after the other over kept connections."""

    def __init__(self, server: LiveServer) -> None:
        self.client = AsapClient(server.url, server.token)
        self.study = self.client.open_datastore_study("seen")
        self.client.ground(self.study, sentences=[SEEN])
        self._numbers = itertools.count(1)
        self.client.keep_alive()

    def asks(self) -> dict[str, Callable[[], object]]:
        """The questions by name."""
        return {
            "health": self.client.health,
            "info": self.client.info,
            "seen sentence": lambda: self.client.ground(self.study, sentences=[SEEN]),
            "new sentence": lambda: self.client.ground(self.study, sentences=[new_sentence(next(self._numbers))]),
        }

    def run(self, seconds: float) -> dict[str, list[float]]:
        """Seconds each question took, asked in turn at a reader's pace."""
        times: dict[str, list[float]] = {name: [] for name in BARS}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name, ask in self.asks().items():
                times[name].append(timed(ask))
                time.sleep(EVERY_S)
        return times


@contextmanager
def again_and_again(work: Callable[[threading.Event], None]) -> Iterator[list[float]]:
    """Repeat work on a thread while the block runs; yields the moments at which it was begun."""
    stop, rounds = threading.Event(), []

    def run() -> None:
        while not stop.is_set():
            rounds.append(time.monotonic())
            work(stop)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        time.sleep(1.0)
        yield rounds
    finally:
        stop.set()
        thread.join()


def encoding(server: LiveServer) -> Callable[[threading.Event], None]:
    """Encodes a case the server has never seen, with eight fields of view: seconds of matrix products."""
    numbers = itertools.count()

    def work(stop: threading.Event) -> None:
        client = AsapClient(server.url, server.token)
        try:
            study = client.open_datastore_study(f"other{next(numbers) % 2}")
            client.encode(study, fine=True, cancel=stop)
        except Cancelled:
            pass
        finally:
            client.close()

    return work


def uploading(server: LiveServer, body: bytes) -> Callable[[threading.Event], None]:
    """Sends a session to MONAI Label's route and removes it."""
    limit = "asap-bench"
    head = f'--{limit}\r\nContent-Disposition: form-data; name="files"; filename="a.nii"\r\n\r\n'.encode()
    whole = head + body + f"\r\n--{limit}--\r\n".encode()
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": f"multipart/form-data; boundary={limit}"}

    def work(_stop: threading.Event) -> None:
        import json

        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        line.request("PUT", "/session/", whole, headers)
        answer = line.getresponse()
        session = json.loads(answer.read())["session_id"]
        line.request("DELETE", f"/session/{session}", None, {"Authorization": headers["Authorization"]})
        line.getresponse().read()
        line.close()

    return work


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        studies = Path(folder) / "studies"
        studies.mkdir()
        write_case(studies, "seen", 3)
        plain = write_case(studies, "other0", 4).hu.tobytes(order="F")
        write_case(studies, "other1", 5)
        with base_server(Path(folder), studies) as server:
            prober = Prober(server)
            works = {
                "at rest": None,
                "while another case is encoded": encoding(server),
                "while 157 MB are uploaded": uploading(server, nifti(plain)),
            }
            for title, work in works.items():
                if work is None:
                    show(title, prober.run(seconds), 0)
                else:
                    with again_and_again(work) as rounds:
                        times = prober.run(seconds)
                    show(title, times, len(rounds))
            prober.client.close()


def nifti(voxels: bytes) -> bytes:
    """The voxels behind 352 bytes of a header nobody reads before the first inference."""
    return b"\0" * 352 + voxels


def show(title: str, times: dict[str, list[float]], rounds: int) -> None:
    """One block of the table."""
    print(title + (f" ({rounds} begun)" if rounds else ""), flush=True)
    for name, seconds in times.items():
        print(percentiles(name, seconds, BARS[name]), flush=True)


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        raise SystemExit(str(error)) from error
