"""From a sentence to three drawn slices, everything on this machine: `asap-base` with formula weights in bf16, case encoded.

Measured from `logic.ground` to the last pixel of the third of three 512 x 512 offscreen slice views with Slicer's own displayable
managers, over a real server in a process of its own; the poll is that of the panel. The weights have learnt nothing: only time
counts.

    python -m tests.benchmarks.slicer_click [--clicks 200]      (needs ASAP_REFERENCE_DATA for the CT and the tokenizer)
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import vtk

sys.path.append(str(Path(__file__).parents[2] / "AsapSlicerModule"))

from asap_viewer.scene import StudyScene  # it chooses VTK's window class: first of all
from asap_viewer.stills import StillViewFactory
from AsapSlicerLib.logic import AsapLogic, Event

from asap.io.read import read_volume
from tests.benchmarks.click_latency import sentences
from tests.benchmarks.formula_weights import write_formula_weights
from tests.server.live import live_server

WARM_UP = 10
POLL_S = 0.005
VIEW_PIXELS = 512
BARS_MS = {"new": 150.0, "seen": 100.0}


@dataclass(eq=False)
class Desk:
    """The logic over three views, and when what happened last. times: seconds of the newest click by name."""

    scene: StudyScene
    logic: AsapLogic
    times: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.logic.listeners.append(self.heard)
        for view in self.scene.slice_views().values():
            view.render_window().SetSize(VIEW_PIXELS, VIEW_PIXELS)

    def heard(self, event: Event) -> None:
        """The logic has news."""
        self.times[event.kind] = time.perf_counter()
        if event.kind == "error":
            raise RuntimeError(event.message)

    def wait(self) -> None:
        """As the panel's timer does."""
        while self.logic.background.is_busy():
            self.logic.background.poll()
            time.sleep(POLL_S)

    def draw(self) -> int:
        """All three frames, read back; how many pixels are coloured."""
        coloured = 0
        for view in self.scene.slice_views().values():
            window = view.render_window()
            window.Render()
            pixels = vtk.vtkUnsignedCharArray()
            window.GetPixelData(0, 0, VIEW_PIXELS - 1, VIEW_PIXELS - 1, 1, pixels, 0)
            rgb = np.frombuffer(memoryview(pixels), np.uint8).reshape(-1, 3).astype(np.int16)
            coloured += int((np.ptp(rgb, axis=1) > 24).sum())
        return coloured


def click(desk: Desk, sentence: str, asked: dict[str, float]) -> dict[str, float]:
    """One click: milliseconds in all and by part."""
    desk.times.clear()
    start = time.perf_counter()
    desk.logic.ground([sentence])
    while "shown" not in desk.times:
        desk.logic.background.poll()
        if "shown" not in desk.times:
            time.sleep(POLL_S)
    desk.draw()
    end = time.perf_counter()
    desk.logic.review = None  # a reader's report does not grow by two hundred sentences
    parts = {
        "all": end - start,
        "to the worker": asked["began"] - start,
        "client and server": asked["ended"] - asked["began"],
        "to the window": desk.times["report"] - asked["ended"],
        "scene": desk.times["shown"] - desk.times["report"],
        "three frames": end - desk.times["shown"],
    }
    return {name: 1000 * value for name, value in parts.items()}


def timed_client(client: Any) -> dict[str, float]:
    """When the client's `ground` began and ended last."""
    asked: dict[str, float] = {}
    ground = client.ground

    def timed(*arguments: Any, **options: Any) -> Any:
        asked["began"] = time.perf_counter()
        answer = ground(*arguments, **options)
        asked["ended"] = time.perf_counter()
        return answer

    client.ground = timed
    return asked


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=200)
    clicks = parser.parse_args().clicks
    reference = Path(os.environ["ASAP_REFERENCE_DATA"])
    volume = read_volume(reference / "ct/lung2_tumour/lung2_image.nrrd")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_formula_weights(folder, (reference / "parity/cxrbert_wordpiece.json").read_text(encoding="utf-8"))
        environment = {"ASAP_WEIGHTS": str(folder), "OMP_NUM_THREADS": "2"}
        with live_server(folder / "server", "--models", "asap-base", environment=environment, by_command=True) as server:
            scene = StudyScene([StillViewFactory()])
            node = scene.open(volume, "CT")
            desk = Desk(scene, AsapLogic(scene.mrml, lambda _url: True))
            desk.logic.connect(server.url, server.token)
            desk.wait()
            desk.logic.choose_volume(node)
            start = time.perf_counter()
            desk.logic.encode()
            desk.wait()
            print(
                f"CT {' x '.join(map(str, volume.hu.shape))}: prepared, sent and encoded in {time.perf_counter() - start:.1f} s"
            )
            asked = timed_client(desk.logic.session.client)
            for text in sentences(WARM_UP, 1000):
                click(desk, text, asked)
            texts = sentences(clicks, 0)
            for kind in ("new", "seen"):
                table(kind, [click(desk, text, asked) for text in texts])
            print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {desk.draw()} coloured pixels at the end")
            desk.logic.close()


def table(kind: str, times: list[dict[str, float]]) -> None:
    """One kind of sentence: percentiles in all and of every part."""
    everything = np.array([one["all"] for one in times])
    low, middle, high = np.percentile(everything, [5, 50, 95])
    print(f"{kind} sentence, n {len(times)}: p5 {low:.0f}  p50 {middle:.0f}  p95 {high:.0f} ms   (bar: p95 {BARS_MS[kind]:.0f})")
    for part in times[0]:
        if part != "all":
            values = np.array([one[part] for one in times])
            print(f"    {part:18} p50 {np.median(values):6.1f}   p95 {np.percentile(values, 95):6.1f} ms")


if __name__ == "__main__":
    main()
