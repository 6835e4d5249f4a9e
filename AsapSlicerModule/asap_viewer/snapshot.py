"""What the page shows, as plain data taken from the work bench."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from AsapSlicerLib.colours import region_colour
from AsapSlicerLib.drafting import can_draft
from AsapSlicerLib.lesions import KEY as LESION
from AsapSlicerLib.sign_off import can_sign

from asap.client.address import parse_address
from asap.review import Review

from .rows import css, place_text, sections_of
from .segment_desk import size_text

if TYPE_CHECKING:
    from .workbench import WorkBench

TIMES = " \u00d7 "
CASE_NAME = "Case"  # never a file name: those hold names of patients


def snapshot_of(bench: WorkBench) -> dict[str, Any]:
    """All that changes, by the names the page uses."""
    review, threshold = bench.logic.review, _threshold(bench)
    outlined = bench.logic.view.shown if len(bench.logic.view.shown) > 1 else ()
    return {
        "server": {"kind": bench.link.state, "text": bench.link.text},
        "models": bench.models.names,
        "model": bench.models.chosen,
        "study": _study(bench),
        "task": {"active": bench.task.active, "stage": bench.task.stage or bench.seen, "share": bench.task.share},
        "problem": bench.problem,
        "can_retry": bench.can_retry and not bench.asks_consent,
        "asks_consent": parse_address(bench.asks_consent).host if bench.asks_consent else "",
        "sections": [] if review is None else sections_of(review, {index: css(region_colour(index)) for index in outlined}),
        "picked": bench.picked,
        "map_on": bench.map_on,
        "several": bench.several,
        "opacity": bench.logic.parameters.opacity,
        "threshold": threshold,
        "own_threshold": bench.logic.parameters.threshold is None,
        "peak_text": _peak(bench),
        "here": _here(bench),
        "reviewed": "" if review is None else f"{review.reviewed} of {review.reviewed + review.waiting} reviewed",
        "can_draft": can_draft(bench.logic),
        "no_dicom": bench.exporting.note,
        "can_undo": bench.logic.can_undo,
        "unsaved": bench.unsaved,
        "reader": bench.logic.parameters.reader,
        "can_sign": can_sign(bench.logic),
        "signed": _signed(review),
        "slices": bench.scene.slice_rows(),
        "segments": bench.segments.rows(),
        "has_series": bench.exporting.series is not None,
        "organs": bench.segments.targets(),
        "can_cut": bench.logic.session.can(LESION),
        "can_begin_lesion": bench.segments.tools.offered,
        "correcting": bench.segments.correcting(),
        "labelling": bench.labelling.shown(),
        "judging": bench.judging.shown(),
        "asking": bench.asking.shown(),
        "kept_in": bench.reviewing.kept_in,
        "stored_reports": [{"id": number, "name": one.name} for number, one in enumerate(bench.stored_reports)],
        **bench.views.snapshot(),
    }


def _threshold(bench: WorkBench) -> float:
    """The share of the peak at which the current map is cut."""
    chosen, review, current = bench.logic.parameters.threshold, bench.logic.review, bench.current
    heat = None if review is None or current is None else bench.logic.view.map_of(review, current)
    if heat is not None:
        return round(bench.logic.view.share(heat), 3)
    return 0.5 if chosen is None else chosen


def _study(bench: WorkBench) -> dict[str, Any]:
    node = bench.scene.volume_node
    if node is None:
        return {"open": False, "ready": False, "name": "No CT", "detail": "", "caution": ""}
    size, spacing = node.GetImageData().GetDimensions(), tuple(f"{mm:.3g}" for mm in node.GetSpacing())
    cubes = len(set(spacing)) == 1
    detail = f"{TIMES.join(map(str, size))} voxels, {spacing[0] if cubes else TIMES.join(spacing)} mm"
    ready = bench.link.state == "ready" and not bench.task.active
    return {"open": True, "ready": ready, "name": CASE_NAME, "detail": detail, "caution": bench.caution}


def _peak(bench: WorkBench) -> str:
    review, current = bench.logic.review, bench.current
    peak = None if review is None or current is None else review.sentences[current].answer.peak_ras_mm
    if peak is None:
        return ""
    measured = bench.logic.regions.measured
    if measured is None or measured.index != current:
        return f"Peak {place_text(peak)}"
    where = "region there" if bench.place is None else "region at the Ctrl+click"
    size = "cold" if measured.millilitres is None else size_text(measured.millilitres)
    return f"Peak {place_text(peak)} \u00b7 {where} {size}"


def _signed(review: Review | None) -> dict[str, Any] | None:
    """Who signed and what was added; None before that."""
    if review is None or review.signature is None:
        return None
    signature = review.signature
    added = [f"{one.author}, {one.time_utc}: {one.text}" for one in review.amendments]
    return {"text": f"Signed by {signature.author}, {signature.time_utc}; digest {signature.sha256[:12]}", "amendments": added}


def _here(bench: WorkBench) -> dict[str, Any] | None:
    if bench.place is None or bench.logic.review is None:
        return None
    found = bench.logic.sentences_at(bench.place)
    rows = [{"id": index, "text": bench.logic.review.sentences[index].text, "share": share} for index, share in found]
    return {"place": place_text(bench.place), "sentences": rows}
