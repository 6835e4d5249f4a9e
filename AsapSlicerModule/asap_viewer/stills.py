"""The work bench without a browser: one picture a sentence, with the views a reader would see, and the answers as JSON."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray
from slicer import vtkMRMLLayerDisplayableManager
from trame_slicer.views import AbstractView, IViewFactory, SliceView, ThreeDView, ViewLayoutDefinition, ViewType
from trame_slicer.views.render_scheduler import NoScheduleRendering
from vtk.util.numpy_support import vtk_to_numpy

from asap.errors import AsapError, OutputError
from asap.figures.sheet import ACCENT, GOOD, INK, QUIET, WARNING, Sheet, wrapped
from asap.io.atomic import write_bytes
from asap.review.documents import review_json

from .notice import NOTICE
from .scene import SLICE_VIEWS, THREE_D_VIEW
from .workbench import WorkBench

PAGE_PX = (1280, 800)
PANEL_PX, BAR_PX, GAP_PX = 400, 48, 2
VIEW_PX = ((PAGE_PX[0] - PANEL_PX - GAP_PX) // 2, (PAGE_PX[1] - BAR_PX - GAP_PX) // 2)
WORDS_A_LINE = 50
POLL_S = 0.02
WAIT_S = 900.0


class StillViewFactory(IViewFactory):
    """Makes views that are drawn when a picture of them is taken, and not before."""

    def can_create_view(self, view: ViewLayoutDefinition) -> bool:
        """Slices and 3D."""
        return view.view_type in (ViewType.SLICE_VIEW, ViewType.THREE_D_VIEW)

    def _create_view(self, view: ViewLayoutDefinition, scene: Any, app_logic: Any) -> AbstractView:
        kind = SliceView if view.view_type == ViewType.SLICE_VIEW else ThreeDView
        drawn = kind(scene=scene, app_logic=app_logic, name=view.singleton_tag, scheduled_render_strategy=NoScheduleRendering())
        drawn.set_view_properties(view.properties)
        drawn.render_window().SetSize(*VIEW_PX)
        return drawn

    def _get_slicer_view(self, view: AbstractView) -> AbstractView:
        return view


def write_stills(bench: WorkBench, folder: Path) -> list[Path]:
    """Wait for the report to be read, then write `work_bench_000.png` and so on, one a sentence, and last `review.json`.

    Raises AsapError with the bench's own sentence when it cannot go on, OutputError when a file cannot be written.
    """
    _wait(bench)
    review = bench.logic.review
    if review is None:
        raise AsapError("The report has no sentence.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError("The folder for the pictures cannot be made; choose another place.") from error
    written = []
    for index in range(len(review.sentences)):
        bench.pick(index)
        bench.poll()
        written.append(folder / f"work_bench_{index:03d}.png")
        write_bytes(written[-1], page_png(bench), "picture")
    write_bytes(folder / "review.json", review_json(review).encode(), "review")
    return [*written, folder / "review.json"]


def _wait(bench: WorkBench) -> None:
    end = time.monotonic() + WAIT_S
    while bench.logic.review is None or bench.logic.busy or not bench.scene.has_lungs:
        bench.poll()
        if bench.problem:
            raise AsapError(bench.problem)
        if time.monotonic() > end:
            raise AsapError("The report was not answered in time; is the machine busy?")
        time.sleep(POLL_S)


def view_rgb(view: AbstractView) -> NDArray[np.float32]:
    """A view as it would be shown, [rows, columns, 3] of 0 to 1."""
    view.render_window().Render()
    image = vtk.vtkImageData()
    vtkMRMLLayerDisplayableManager.RenderWindowBufferToImage(view.render_window(), image)
    columns, rows, _ = image.GetDimensions()
    pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)
    return np.asarray(pixels[::-1, :, :3] / 255, dtype=np.float32)


def page_png(bench: WorkBench) -> bytes:
    """The page as the reader sees it: the report at the left, the picked sentence marked; four views at the right."""
    shown = bench.snapshot()
    sheet = Sheet(*PAGE_PX)
    sheet.text(16, 30, "ASAP work bench", size=16, bold=True)
    sheet.text(192, 30, NOTICE, size=13, colour=WARNING, bold=True)
    sheet.text(PAGE_PX[0] - 16, 30, shown["peak_text"], size=13, colour=QUIET, align=("right", "baseline"))
    sheet.text(16, 68, f"{shown['study']['name']}  {shown['study']['detail']}", size=13, colour=QUIET)
    note = shown["study"]["caution"] or shown["task"]["stage"]
    for line, words in enumerate(wrapped(note, WORDS_A_LINE, 2)):
        sheet.text(16, 88 + 18 * line, words, size=12, colour=WARNING if shown["study"]["caution"] else QUIET)
    _report(sheet, shown)
    corner_x, corner_y = PANEL_PX, BAR_PX
    views = [*((row["name"], row) for row in shown["slices"]), (THREE_D_VIEW, None)]
    for number, (name, row) in enumerate(views):
        x = corner_x + (VIEW_PX[0] + GAP_PX) * (number % 2)
        y = corner_y + (VIEW_PX[1] + GAP_PX) * (number // 2)
        sheet.picture(x, y, view_rgb(bench.scene.app.view_manager.get_view(name)))
        title = "3D  regions of the shown sentences" if row is None else f"{SLICE_VIEWS[name]}  {row['position']}"
        sheet.text(x + 10, y + 20, title, size=13, bold=True, halo=True)
        if row is not None:
            _letters(sheet, row["edges"], x, y)
    return sheet.png()


def _letters(sheet: Sheet, edges: dict[str, str], x: int, y: int) -> None:
    width, height = VIEW_PX
    sheet.text(x + 10, y + height / 2, edges["left"], size=15, bold=True, align=("left", "center"), halo=True)
    sheet.text(x + width - 10, y + height / 2, edges["right"], size=15, bold=True, align=("right", "center"), halo=True)
    sheet.text(x + width / 2, y + 8, edges["top"], size=15, bold=True, align=("center", "top"), halo=True)
    sheet.text(x + width / 2, y + height - 8, edges["bottom"], size=15, bold=True, align=("center", "bottom"), halo=True)


def _report(sheet: Sheet, shown: dict[str, Any]) -> None:
    """As many sentences as there is room for, from one before the picked."""
    rows = [row for section in shown["sections"] for row in section["sentences"]]
    heights = [18 * len(wrapped(row["text"], WORDS_A_LINE, 3)) + 30 for row in rows]
    first = 0
    while first < (shown["picked"] or 0) and sum(heights[first : shown["picked"] + 1]) > PAGE_PX[1] - 160:
        first += 1
    y = 140.0
    for row, height in list(zip(rows, heights, strict=True))[first:]:
        if y + height > PAGE_PX[1] - 8:
            break
        if row["id"] == shown["picked"]:
            sheet.box((8, y - 20, PANEL_PX - 20, height - 2), fill="#1a2a3b", edge=ACCENT)
        lines = wrapped(row["text"], WORDS_A_LINE, 3)
        for line, words in enumerate(lines):
            sheet.text(18, y + 18 * line, words, size=13, colour=INK)
        facts = " \u00b7 ".join(word for word in (row["state_text"], row["assertion"], row["confidence"], row["reason"]) if word)
        colour = WARNING if row["side_warns"] else GOOD if row["state"] == "accepted" else QUIET
        sheet.text(18, y + 18 * len(lines), wrapped(facts, 56, 1)[0], size=12, colour=colour)
        y += height
