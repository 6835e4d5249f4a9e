"""Places of a lesion on the command line: read as they are meant, or refused in one sentence; each kind finds the lesion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from asap.cli import main
from asap.commands.segment_options import SegmentCommand
from asap.commands.segment_prompt import said_in
from asap.errors import InputError
from asap.inference.load import load_engine
from asap.io.nifti_write import write_nifti
from asap.io.read import read_volume
from asap.phantom.case import generate_case
from asap.segmentation import dice
from asap.volume import apply_affine

FLOOR = 0.5
BESIDE_MM = 6.0


def said(**options: Any) -> dict[str, Any]:
    return said_in(SegmentCommand(Path("scan.nii.gz"), Path("out"), **options))


def test_places_are_read_as_they_are_written() -> None:
    prompt = said(point=("-84,31,112",), exclude=("1,2,3",), box="-98,20,90,-60,55,130", scribble=("1,2,3 4,5,6", "7,8,9"))
    assert prompt == {
        "include": ((-84.0, 31.0, 112.0),),
        "exclude": ((1.0, 2.0, 3.0),),
        "include_strokes": (((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)), ((7.0, 8.0, 9.0),)),
        "exclude_strokes": (),
        "box": ((-98.0, 20.0, 90.0), (-60.0, 55.0, 130.0)),
    }
    assert said() == {}
    assert said(sentence="A mass.", exclude_scribble=("1,2,3",))["exclude_strokes"] == (((1.0, 2.0, 3.0),),)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"box": "1,2,3"}, "two opposite corners"),
        ({"box": "0,0,0,0,5,5"}, "flat"),
        ({"scribble": ("1,2 3",)}, "points with blanks between"),
        ({"scribble": ("",)}, "points with blanks between"),
        ({"point": ("nan,0,0",)}, "not a number"),
        ({"exclude": ("0,0,0",)}, "Say where the lesion is"),
        ({"exclude_scribble": ("0,0,0 1,1,1",)}, "Say where the lesion is"),
    ],
    ids=["box", "flat", "line", "empty", "nan", "outside", "line outside"],
)
def test_what_cannot_be_meant_is_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        said(**options)


class Scan:
    """A generated chest with a mass as a file, and an engine that has encoded it once."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "scan.nii.gz"
        self.case = generate_case(61_001, required=("mass",))
        self.mass = next(finding for finding in self.case.findings if finding.concept == "mass")
        write_nifti(self.path, np.asarray(self.case.volume.hu), self.case.volume.affine)

    def at(self, index: Any) -> str:
        """A voxel as the command takes it."""
        return ",".join(f"{mm:.1f}" for mm in apply_affine(self.case.volume.affine, np.asarray([index], dtype=float))[0])


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scan]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asap.inference.load.load_engine", cache(load_engine))
        yield Scan(tmp_path_factory.mktemp("prompts"))


def segmented(scan: Scan, out: Path, *options: str) -> list[NDArray[np.bool_]]:
    """Run the command; the masks it wrote."""
    with pytest.raises(SystemExit) as stopped:
        main(["segment", str(scan.path), *options, "--out", str(out)])
    assert not stopped.value.code
    rows = json.loads((out / "segments.json").read_text(encoding="utf-8"))["segments"]
    return [np.asarray(read_volume(out / row["file"]).hu == row["label"]) for row in rows]


@pytest.mark.slow
def test_every_way_to_name_a_lesion_finds_it(scan: Scan, tmp_path: Path) -> None:
    where = np.argwhere(scan.mass.region)
    low, high = where.min(axis=0), where.max(axis=0)
    middle = where[np.linalg.norm(where - where.mean(axis=0), axis=1).argmin()]
    beside = np.array([high[0] + round(BESIDE_MM / scan.case.volume.spacing_mm[0]), middle[1], middle[2]])
    along = np.array([2, 0, 0])
    ways = {
        "sentence": ("--sentence", next(one.text for one in scan.case.sentences if "mass" in one.text.lower())),
        "exclude": (f"--point={scan.at(middle)}", f"--exclude={scan.at(beside)}"),
        "box": (f"--box={scan.at(low)},{scan.at(high)}",),
        "scribble": (f"--scribble={scan.at(middle - along)} {scan.at(middle + along)}",),
    }
    found = {}
    for name, options in ways.items():
        (found[name],) = segmented(scan, tmp_path / name, *options)
        assert dice(found[name], scan.mass.region) >= FLOOR, name
    assert not found["exclude"][tuple(beside)]
    outside = np.ones(scan.mass.region.shape, np.bool_)
    outside[tuple(slice(a - 3, b + 4) for a, b in zip(low, high, strict=True))] = False  # voxels of 3 mm have a say
    assert not (found["box"] & outside).any()
    unasked = segmented(scan, tmp_path / "lesions", "--targets", "lesions")
    assert any((mask & scan.mass.region).any() for mask in unasked)
