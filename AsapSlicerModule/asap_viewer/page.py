"""The page: what it shows is the work bench's snapshot, what it asks for are the work bench's methods."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from AsapSlicerLib.colours import heat_colours
from AsapSlicerLib.lesions import KEY as LESION
from trame_server.utils.asynchronous import create_task

from .help_rows import help_rows
from .read_case import sample_case, sample_report
from .rows import css
from .scene import WINDOWS
from .segment_export import SegmentExport
from .workbench import WorkBench

LOG = logging.getLogger("asap.viewer")
HERE = Path(__file__).parent
TICK_S = 0.015
RAMP_STOPS = 24
PAGE_STATE = {
    "volume_path": "",
    "editing": None,
    "edit_text": "",
    "keys_on": True,
    "question": "",
    "help": False,
    "enlarged": "",
    "amendment": "",
    "list_path": "",
    "journal_path": "",
    "correction": None,
    "organ": "lungs",
    "strategy": "",
    "asked_words": "",
    "right_answer": None,
}


class Page:
    """Binds a work bench to a trame server that runs. One page, however many tabs show it."""

    def __init__(self, trame_server: Any, bench: WorkBench) -> None:
        self._server = trame_server
        self._bench = bench
        self._sent: dict[str, Any] = {}
        state = trame_server.state
        state.update(PAGE_STATE)
        state.ramp, state.help_rows = _ramp(), help_rows()
        state.windows = [
            {
                "name": name,
                "label": one.label,
                "title": f"{one.label} window: width {one.width_hu:.0f}, centre {one.centre_hu:.0f} HU",
            }
            for name, one in WINDOWS.items()
        ]
        for name, act in self._acts().items():
            trame_server.trigger(name)(self._handled(act))
        self._push()
        with state:
            state.trame__template_main = (HERE / "page.html").read_text(encoding="utf-8")
        create_task(self._tick())

    def _acts(self) -> dict[str, Callable[..., Any]]:
        bench = self._bench
        return {
            "open_volume": lambda path: bench.open_volume(Path(str(path).strip()).expanduser()),
            "open_sample": lambda: bench.open_case(sample_case),
            "sample_report": self._sample_report,
            "read_report": lambda text: bench.read_report(str(text)),
            "draft": bench.draft,
            "pick": bench.pick,
            "accept": lambda index: bench.decide(index, "accepted"),
            "reject": lambda index: bench.decide(index, "rejected"),
            "edit": lambda index, text: bench.edit(index, str(text)),
            "export": lambda: _made(self._bench.exporting.begin),
            "segments_dicom": lambda: _made(SegmentExport(bench).begin),
            "save": bench.reviewing.save,
            "reopen": lambda text: bench.reviewing.reopen(str(text)),
            "undo": bench.undo,
            "reader": lambda name: bench.reviewing.name_reader(str(name)),
            "sign": bench.reviewing.sign,
            "amend": lambda text: bench.reviewing.amend(str(text)),
            "toggle_map": bench.toggle_map,
            "toggle_several": bench.toggle_several,
            "toggle_crosshair": bench.views.toggle_crosshair,
            "toggle_slab": bench.views.toggle_slab,
            "ask": lambda sentence: bench.ask(str(sentence)),
            "report_file": lambda data: bench.read_report_file(bytes(data)),
            "stored_report": bench.take_stored_report,
            "make_segment": bench.make_segment,
            "make_lesion": bench.make_lesion,
            "new_lesion": bench.segments.tools.begin,
            "lesion_tool": bench.segments.tools.choose,
            "draw_organ": self._draw_organ,
            **bench.labelling.acts(),
            **bench.segments.acts(),
            "segment_undo": bench.logic.lesions.undo,
            "segment_redo": bench.logic.lesions.redo,
            "segment_done": bench.logic.lesions.finish,
            "keep_in": lambda folder: bench.reviewing.keep_in(str(folder)),
            "open_list": lambda path: bench.judging.open(str(path)),
            "close_list": bench.judging.close,
            "judge_key": lambda name: bench.judging.key(str(name)),
            "correct": lambda words: bench.judging.correct(str(words)),
            "ask_question": lambda words: bench.asking.ask(str(words)),
            "show_answer": lambda index: bench.asking.show(int(index)),
            "answer_key": lambda name: bench.asking.key(str(name)),
            "correct_answer": lambda words: bench.asking.correct(str(words)),
            "export_answers": bench.asking.export,
            "clear": bench.clear,
            "opacity": lambda value: bench.set_opacity(float(value)),
            "threshold": lambda share: bench.set_threshold(None if share is None else float(share)),
            "window": bench.views.set_window,
            "fit": bench.scene.fit,
            "slice": lambda name, offset: bench.scene.page_to(name, float(offset)),
            "choose_model": lambda name: bench.models.choose(str(name)),
            "stop": bench.stop,
            "retry": bench.retry,
            "consent": lambda agreed: bench.consent(bool(agreed)),
            "dismiss": self._dismiss,
            "key": self._key,
        }

    def _handled(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def handle(*arguments: Any) -> Any:
            answer = act(*arguments)
            self._push()
            return answer

        return handle

    def _key(self, name: str) -> None:
        bench, picked = self._bench, self._bench.picked
        acts: dict[str, Callable[[], None]] = {
            "next": lambda: bench.step(1),
            "previous": lambda: bench.step(-1),
            "toggle_map": bench.toggle_map,
            "toggle_several": bench.toggle_several,
            "undo": bench.undo,
            "clear": bench.clear,
            "toggle_slab": bench.views.toggle_slab,
            "segment_undo": bench.logic.lesions.undo,
            "segment_redo": bench.logic.lesions.redo,
            "segment_done": bench.logic.lesions.finish,
            "new_lesion": bench.segments.tools.begin,
            "lesion_scribble": lambda: bench.segments.tools.choose("scribble"),
            "lesion_box": lambda: bench.segments.tools.choose("box"),
            **{f"window_{window}": lambda window=window: bench.views.set_window(window) for window in WINDOWS},  # type: ignore[misc]
        }
        if name in acts:
            acts[name]()
        elif picked is not None and name in ("accept", "reject"):
            bench.decide(picked, "accepted" if name == "accept" else "rejected")
        elif picked is not None and name == "segment":
            bench.make_segment(picked)
        elif picked is not None and name == "lesion" and bench.logic.session.can(LESION):
            bench.make_lesion(picked)
        elif picked is not None and name == "edit" and bench.logic.review is not None:
            self._server.state.update({"editing": picked, "edit_text": bench.logic.review.sentences[picked].text})

    def _draw_organ(self, target: str) -> None:
        self._bench.begin("Drawing the organ", lambda: self._draw_organ(target))
        self._bench.segments.organs.draw(str(target))

    def _sample_report(self) -> None:
        self._bench.report_text = self._bench.sample_report or sample_report()

    def _dismiss(self) -> None:
        self._bench.problem = ""

    def _push(self) -> None:
        """Send what changed."""
        snapshot = self._bench.snapshot()
        snapshot["report_text"] = self._bench.report_text  # what is typed over it stays until the bench has another
        changed = {name: value for name, value in snapshot.items() if self._sent.get(name, self) != value}
        self._sent.update(changed)
        with self._server.state as state:
            state.update(changed)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self._bench.poll()
                self._push()
            except Exception:  # a fault in one round must not leave a page that never changes again
                LOG.exception("the page could not be brought up to date")


async def _made(begin: Callable[[Callable[[bytes], None]], None]) -> bytes:
    """A file, once it is made; begin: starts making it and is told where it goes."""
    made: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    begin(lambda data: None if made.done() else made.set_result(data))
    return await made


def _ramp() -> str:
    colours = ", ".join(css((red, green, blue)) for red, green, blue in heat_colours(RAMP_STOPS))
    return f"linear-gradient(to right, {colours})"
