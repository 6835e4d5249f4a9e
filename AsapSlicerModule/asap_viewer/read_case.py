"""The CT a bench opens: read from a file, or the generated sample; done on another thread than the scene's."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asap.errors import GeometryWarning
from asap.io.read import read_volume
from asap.volume import Volume

if TYPE_CHECKING:
    from AsapSlicerLib.datastore_images import Held

SAMPLE_SEED = 20


@dataclass(frozen=True, eq=False)
class ReadCase:
    """A CT that was read, with what its reader warned of, its report where there is one, and the folder of its series.

    held: the image of the server's datastore it is.
    """

    volume: Volume
    caution: str = ""
    report: str = ""
    folder: Path | None = None
    held: Held | None = None

    def __post_init__(self) -> None:
        _ = self.volume.identity  # worked out once, on the thread that reads


def read_case(path: Path) -> ReadCase:
    """Read a CT. Raises InputError and the other AsapErrors of reading."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GeometryWarning)
        volume = read_volume(path)
    caution = " ".join(str(one.message) for one in caught if issubclass(one.category, GeometryWarning))
    return ReadCase(volume, caution, folder=path if path.is_dir() else None)


def sample_case() -> ReadCase:
    """A generated CT with its report."""
    from asap.phantom.case import generate_case  # noqa: PLC0415 - half a second that a real case need not wait

    case = generate_case(SAMPLE_SEED)
    return ReadCase(case.volume, "This is a generated CT, not a patient's.", case.report)


def sample_report() -> str:
    """A report to try with a CT that came without one."""
    from asap.commands.demo import CTA_REPORT  # noqa: PLC0415 - it brings the generator of cases

    return CTA_REPORT
