"""What a server adds to a model that does nothing, on a CT of 512 x 512 x 300 in its datastore: ours against stock MONAI Label.

Ours is the real server with the smallest model there is (`asap-test`, random weights, a few milliseconds); stock is MONAI Label
as installed, started by its own launcher with an app whose only task reads the image and answers zeros.
Run: python -m tests.benchmarks.server_overhead [--stock-rounds 2]
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from asap.client import AsapClient
from tests.benchmarks.clinical_case import THREADS, percentiles, timed, write_case
from tests.server.http_requests import ask_form
from tests.server.live import LiveServer, live_server

SENTENCE = "The heart is enlarged."
CALLS = 100
START_S = 180.0
STOCK_APP = """
from asap.torchvision_guard import guard_torchvision

guard_torchvision()  # a torchvision without CUDA beside a torch that has it keeps MONAI Label from being imported
import torch
from monai.transforms import EnsureChannelFirstd, LoadImaged
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.tasks.infer_v2 import InferType
from monailabel.tasks.infer.basic_infer import BasicInferTask


class Nothing(BasicInferTask):
    def __init__(self):
        super().__init__(None, None, InferType.SEGMENTATION, ["region"], 3, "nothing")

    def is_valid(self):
        return True

    def pre_transforms(self, data=None):
        return [LoadImaged(keys="image"), EnsureChannelFirstd(keys="image")]

    def inferer(self, data=None):
        return None

    def run_inferer(self, data, convert_to_batch=True, device="cpu"):
        return {**data, "pred": torch.zeros(data["image"].shape[1:], dtype=torch.uint8)}

    def post_transforms(self, data=None):
        return []


class App(MONAILabelApp):
    def __init__(self, app_dir, studies, conf):
        super().__init__(app_dir, studies, conf, name="nothing", description="", version="1")

    def init_infers(self):
        return {"nothing": Nothing()}

    def _download_dcmqi_tools(self):
        pass
"""


@contextmanager
def stock_server(folder: Path, studies: Path) -> Iterator[str]:
    """MONAI Label by its own launcher on loopback; its address."""
    app = folder / "app"
    app.mkdir()
    (app / "main.py").write_text(STOCK_APP, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "monailabel.main", "start_server", "--app", str(app), "--studies", str(studies),
        "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    url, log = f"http://127.0.0.1:{port}", folder / "stock.log"
    environment = {**os.environ, **THREADS, "PYTHONPATH": str(Path(__file__).parents[2])}
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=environment, cwd=folder) as process:
        try:
            end = time.monotonic() + START_S
            while time.monotonic() < end and process.poll() is None:
                with suppress(OSError):
                    opened(f"{url}/info/")
                    break
                time.sleep(0.5)
            else:
                raise SystemExit("stock MONAI Label did not start:\n" + log.read_text(errors="replace")[-2000:])
            yield url
        except OSError as error:
            raise SystemExit("stock MONAI Label failed:\n" + log.read_text(errors="replace")[-3000:]) from error
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def opened(url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
    """The whole answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, body, headers or {}), timeout=600) as answer:
        return bytes(answer.read())


def infer_stock(url: str) -> int:
    """One inference as MONAI Label's own Slicer client asks for it; the bytes of its answer."""
    fields = json.dumps({"result_extension": ".nrrd", "result_dtype": "uint8"})
    body = f'--x\r\nContent-Disposition: form-data; name="params"\r\n\r\n{fields}\r\n--x--\r\n'.encode()
    return len(opened(f"{url}/infer/nothing?image=case", body, {"Content-Type": "multipart/form-data; boundary=x"}))


def ours(server: LiveServer) -> None:
    """Our rows."""
    client = AsapClient(server.url, server.token)
    first = timed(lambda: client.ground(client.open_datastore_study("case"), sentences=[SENTENCE]))
    print(f"  /asap/v1, first question (reads the file, looks for the lungs)  {first:6.2f} s")
    study = client.open_datastore_study("case")
    print(percentiles("/asap/v1, warm", [timed(client.ground, study, sentences=[SENTENCE]) for _ in range(CALLS)], "bar 50"))
    reopened = [timed(lambda: client.ground(client.open_datastore_study("case"), sentences=[SENTENCE])) for _ in range(CALLS)]
    print(percentiles("/asap/v1, opened again", reopened))
    asked = {"params": json.dumps({"sentence": SENTENCE})}
    target = "/infer/asap-test?image=case&output=json"
    ask_form(server, "POST", target, asked)
    print(percentiles("MONAI Label's /infer in our server", [timed(ask_form, server, "POST", target, asked) for _ in range(5)]))
    client.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stock-rounds", type=int, default=2)
    rounds = parser.parse_args().stock_rounds
    with tempfile.TemporaryDirectory() as folder:
        studies = Path(folder) / "studies"
        studies.mkdir()
        write_case(studies, "case", 3)
        print("a model that does nothing, 512 x 512 x 300 already there")
        with live_server(
            Path(folder) / "ours", "--models", "asap-test", studies=studies, environment=THREADS, by_command=True
        ) as server:
            ours(server)
        with stock_server(Path(folder), studies) as url:
            infer_stock(url)
            times, sizes = [], []
            for _ in range(rounds):
                times.append(timed(lambda: sizes.append(infer_stock(url))))
            print(f"  stock MONAI Label, warm, best of {rounds}: {min(times):.2f} s, answer {sizes[0] / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
