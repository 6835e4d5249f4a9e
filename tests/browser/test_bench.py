"""What the page asks the bench for, without a browser: a small CT, the scripted server, plain data out."""

from __future__ import annotations

import gzip
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from asap.volume import Volume
from tests.browser.bench import MODULE
from tests.client.scripted import TOKEN, Scripted

sys.path.append(str(MODULE))
pytest.importorskip("trame_slicer", reason="needs the work bench: pip install 'asap-ct[viewer]'")

from asap_viewer.read_case import ReadCase
from asap_viewer.scene import StudyScene
from asap_viewer.server_link import ServerLink
from asap_viewer.stills import StillViewFactory
from asap_viewer.workbench import WorkBench

SHAPE, SPACING_MM = (60, 50, 40), 3.0
REPORT = "Nodule in the right lung.\nThe heart is normal."
WAIT_S = 60.0
NIFTI_HEADER = 352


def small_ct(fill: int) -> ReadCase:
    """A box of one value around the scripted map."""
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    affine[:3, 3] = (-110.0, -60.0, -50.0)
    return ReadCase(Volume(np.full(SHAPE, fill, np.int16), affine))


class Reader:
    """A bench and what its page would show."""

    def __init__(self, server: Scripted) -> None:
        self.server = server
        self.link = ServerLink(server.url, TOKEN)
        self.bench = WorkBench(StudyScene([StillViewFactory()]), self.link)

    @property
    def page(self) -> dict[str, Any]:
        """All the page shows now."""
        self.bench.poll()
        return self.bench.snapshot()

    def until(self, what: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until the page shows something."""
        end = time.monotonic() + WAIT_S
        while not what(page := self.page):
            assert time.monotonic() < end, page
            time.sleep(0.01)
        return page

    def sentences(self) -> list[dict[str, Any]]:
        """Rows of all sections."""
        return [row for section in self.page["sections"] for row in section["sentences"]]


@pytest.fixture
def reader() -> Iterator[Reader]:
    with Scripted(wait_for_jobs=False) as server:
        reader = Reader(server)
        reader.bench.open_case(lambda: small_ct(0))
        reader.until(lambda page: page["study"]["ready"] and page["study"]["open"])
        reader.until(lambda page: reader.bench.logic.case is not None)
        yield reader
        reader.bench.close()


def reviewed(reader: Reader) -> None:
    """The report read, the first sentence picked."""
    reader.bench.read_report(REPORT)
    reader.until(lambda page: page["sections"])
    reader.bench.pick(0)


def test_a_region_becomes_a_segment_is_hidden_saved_and_removed(reader: Reader) -> None:
    reviewed(reader)
    told = reader.until(lambda page: "ml" in page["peak_text"])["peak_text"]
    reader.bench.make_segment(0)
    page = reader.until(lambda page: page["segments"])
    (row,) = page["segments"]
    assert row["text"] == "Nodule in the right lung."
    assert row["shown"]
    size_ml, told_ml = float(row["size"].split()[0]), float(told.split()[-2])
    assert abs(size_ml - told_ml) < 1
    labels = np.frombuffer(gzip.decompress(reader.bench.segments.file())[NIFTI_HEADER:], np.uint8)
    assert labels.size == np.prod(SHAPE)
    assert abs(np.count_nonzero(labels == 1) * SPACING_MM**3 / 1000 - size_ml) < 0.1
    reader.bench.segments.show(row["id"], False)
    assert not reader.page["segments"][0]["shown"]
    reader.bench.segments.remove(row["id"])
    assert reader.page["segments"] == []


def test_a_place_names_its_sentences_and_measures_the_region_around_it(reader: Reader) -> None:
    reviewed(reader)
    heat = reader.bench.logic.view.map_of(reader.bench.logic.review, 0)
    warm = (heat.affine_ras_mm @ [*np.unravel_index(int(heat.heat_abc.argmax()), heat.heat_abc.shape), 1.0])[:3]
    reader.bench.look_up(tuple(float(mm) for mm in warm))
    page = reader.until(lambda page: "Ctrl+click" in page["peak_text"])
    assert [row["id"] for row in page["here"]["sentences"]] == [0, 1]
    reader.bench.look_up((60.0, 80.0, 60.0))
    page = reader.until(lambda page: "cold" in page["peak_text"])
    assert page["here"]["sentences"] == []
    reader.bench.make_segment(0)
    reader.until(lambda page: "cold" in page["task"]["stage"])
    assert reader.page["segments"] == []


def test_one_more_sentence_is_picked_when_it_is_answered(reader: Reader) -> None:
    reviewed(reader)
    reader.bench.ask("A mass in the left lung.")
    page = reader.until(lambda page: page["picked"] == 2)
    assert page["sections"][-1]["name"] == "Added"
    assert page["sections"][-1]["sentences"][0]["text"] == "A mass in the left lung."


def test_a_report_is_signed_frozen_amended_and_saved(reader: Reader) -> None:
    reviewed(reader)
    assert not reader.page["can_sign"]
    for index in range(2):
        reader.bench.decide(index, "accepted")
    assert not reader.page["can_sign"], "nobody is named"
    reader.bench.reviewing.name_reader("Dr Example")
    assert reader.page["can_sign"]
    reader.bench.reviewing.sign()
    assert reader.page["signed"]["text"].startswith("Signed by Dr Example, ")
    reader.bench.decide(0, "rejected")
    assert "signed" in reader.page["problem"]
    assert [row["state"] for row in reader.sentences()] == ["accepted", "accepted"]
    assert not reader.page["can_undo"]
    reader.bench.read_report("Another report.")
    assert "amendment" in reader.page["problem"]
    reader.bench.reviewing.amend("Seen again: stable.")
    assert reader.page["signed"]["amendments"][0].endswith(": Seen again: stable.")
    saved = reader.bench.reviewing.save()
    assert not reader.page["unsaved"]
    reader.bench.reviewing.reopen(saved)
    assert reader.page["signed"]["amendments"][0].endswith(": Seen again: stable.")
    reader.bench.reviewing.reopen(saved.replace("Seen again: stable.", "Seen again: smaller."))
    assert "damaged" in reader.page["problem"]


def test_another_ct_starts_without_anything_of_the_last(reader: Reader) -> None:
    reviewed(reader)
    reader.bench.decide(0, "accepted")
    reader.bench.make_segment(0)
    reader.until(lambda page: page["segments"])
    saved = reader.bench.reviewing.save()
    reader.bench.open_case(lambda: small_ct(7))
    reader.until(lambda page: not page["task"]["active"] and not page["sections"])
    page = reader.until(lambda page: reader.bench.logic.case is not None)
    assert (page["segments"], page["here"], page["picked"], page["can_undo"]) == ([], None, None, False)
    assert reader.bench.logic.view.shown == ()
    mrml = reader.bench.scene.mrml
    assert mrml.GetNumberOfNodesByClass("vtkMRMLTextNode") == 0
    reader.bench.reviewing.reopen(saved)
    assert "another CT" in reader.page["problem"]


def test_windows_slab_and_what_lies_under_the_mouse(reader: Reader) -> None:
    views = reader.bench.views
    assert (reader.page["window_name"], reader.page["window_text"]) == ("lung", "W 1500 \u00b7 L -600")
    views.set_window("bone")
    assert reader.page["window_name"] == "bone"
    reader.bench.scene.volume_node.GetDisplayNode().SetWindowLevel(900.0, 30.0)
    assert (reader.page["window_name"], reader.page["window_text"]) == ("", "W 900 \u00b7 L 30")
    views.toggle_slab()
    view = reader.bench.scene.slice_views()["Red"]
    assert (view.is_slab_enabled(), view.get_slab_thickness()) == (True, 10.0)
    views.toggle_slab()
    assert not view.is_slab_enabled()
    views.moved((1.0, 2.0, 3.0), together=False)
    assert reader.page["pointer_text"].endswith("0 HU")
    views.moved((1.0, 2.0, 33.0), together=True)
    assert view.get_slice_value() == pytest.approx(33.0, abs=SPACING_MM)
    views.moved((900.0, 0.0, 0.0), together=False)
    assert reader.page["pointer_text"] == ""


def test_nothing_goes_to_another_computer_before_the_reader_agrees() -> None:
    with Scripted(host=socket.gethostname(), wait_for_jobs=False) as server:
        reader = Reader(server)
        reader.bench.open_case(lambda: small_ct(0))
        page = reader.until(lambda page: page["asks_consent"])
        assert page["asks_consent"] == socket.gethostname()
        reader.bench.consent(False)
        page = reader.page
        assert (page["asks_consent"], page["can_retry"]) == ("", True)
        assert "Nothing was sent" in page["problem"]
        assert server.paths("POST") == []
        reader.bench.retry()
        reader.until(lambda page: page["asks_consent"])
        reader.bench.consent(True)
        reader.until(lambda page: reader.bench.logic.case is not None)
        assert "/studies" in server.paths("POST")
        reader.bench.close()
