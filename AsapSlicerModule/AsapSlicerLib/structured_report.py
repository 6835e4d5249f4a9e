"""The words of a DICOM structured report: narrative reports (TID 2000) and measurement reports (TID 1500), PS3.16.

What identifies people, devices or tracked objects is not part of the report's text and never read. pydicom is imported when a
report is read: Slicer brings it, others may not have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from .i18n import _

MAX_CHARS = 50_000
MAX_ITEMS = 5_000
STRUCTURED_REPORTS = "1.2.840.10008.5.1.4.1.1.88."  # DICOM PS3.6: all SR storage classes
DEFLATED = b"1.2.840.10008.1.2.1.99"  # transfer syntax: a megabyte may hide a gigabyte
META_BYTES = 2048
CONTEXT = ("HAS OBS CONTEXT", "HAS ACQ CONTEXT")  # who observed, with what, which tracked object
MEASUREMENT_GROUP, FINDING, FINDING_SITES = "125007", "121071", ("363698007", "G-C0E3")
LATERALITY = ("272741003", "G-C171")
CATEGORY = ("276214006", "G-C0E4")  # of a finding: says less than the finding itself
SECTIONS = {"126010": "FINDINGS", "C0034375": "FINDINGS"}  # imaging measurements, qualitative evaluations
UNITS = {"1": "", "{ratio}": "", "%": "%", "[hnsf'U]": "HU"}


def structured_report(data: bytes) -> str:
    """Headings and sentences of a structured report, in reading order. ValueError, with what to do, where there are none."""
    try:
        import pydicom  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(_("DICOM reports cannot be read here; save the report as a text file and load that.")) from error
    if DEFLATED in data[:META_BYTES]:
        raise ValueError(_("This DICOM report is compressed; save the report as a text file and load that."))
    try:
        document = pydicom.dcmread(BytesIO(data), stop_before_pixels=True)
        if not str(document.get("SOPClassUID", "")).startswith(STRUCTURED_REPORTS):
            raise ValueError(_("This DICOM file is no structured report; choose one of modality SR."))
        text = "\n".join(_lines(document))[:MAX_CHARS]
    except ValueError:
        raise
    except Exception as error:  # pydicom raises what it meets in a damaged file
        raise ValueError(_("This DICOM report is damaged; save the report as a text file and load that.")) from error
    if not text.strip():
        raise ValueError(_("This DICOM report holds no text that describes the image; paste the report instead."))
    return text


def _lines(document: Any) -> list[str]:
    """The content tree without recursion: a container's name is a heading, a text item or a measurement group a line."""
    lines: list[str] = []
    waiting = list(reversed(document.get("ContentSequence") or []))
    for _number in range(MAX_ITEMS):
        if not waiting:
            break
        item = waiting.pop()
        if str(item.get("RelationshipType", "")) in CONTEXT:
            continue
        kind, (code, name) = str(item.get("ValueType", "")), _concept(item)
        inner = list(item.get("ContentSequence") or [])
        if kind == "CONTAINER" and code == MEASUREMENT_GROUP:
            lines.append(_measured(inner))
            continue
        if kind == "CONTAINER" and name:
            lines.append(f"{SECTIONS.get(code, name.upper())}:")
        elif kind == "TEXT" and (value := str(item.get("TextValue", "")).strip()):
            lines.append(value)
        waiting += reversed(inner)
    return _with_content([line for line in lines if line])


def _with_content(lines: Sequence[str]) -> list[str]:
    """Headings with nothing below them, and the same heading twice in a row, say nothing."""
    kept: list[str] = []
    heading = ""
    for line in lines:
        if line.isupper() and line.endswith(":"):
            heading = line
            continue
        if heading and heading not in kept[-1:]:
            current = next((one for one in reversed(kept) if one.isupper() and one.endswith(":")), "")
            kept += [heading] if heading != current else []
        heading = ""
        kept.append(line)
    return kept


def _measured(items: Sequence[Any]) -> str:
    """A measurement group as a sentence: "Nodule, right lung: diameter 12 mm." Empty where it names no finding."""
    finding, site, said = "", "", []
    for item in items:
        kind, (code, name) = str(item.get("ValueType", "")), _concept(item)
        value = _code_of(item, "ConceptCodeSequence")[1]
        if code == FINDING:
            finding = value
        elif code in FINDING_SITES:
            site = _site(item, value)
        elif kind == "NUM" and (number := _number(item)):
            said.append(f"{name.lower()} {number}")
        elif kind == "CODE" and value and code not in CATEGORY and str(item.get("RelationshipType", "")) == "CONTAINS":
            said.append(f"{name.lower()} {value.lower()}")
    if not finding:
        return ""
    return ", ".join(part for part in (finding, site) if part) + (f": {', '.join(said)}." if said else ".")


def _site(item: Any, value: str) -> str:
    inner = item.get("ContentSequence") or []
    sides = [_code_of(one, "ConceptCodeSequence")[1].lower() for one in inner if _concept(one)[0] in LATERALITY]
    return " ".join([*sides, value.lower()])


def _number(item: Any) -> str:
    measured = item.get("MeasuredValueSequence") or []
    if not len(measured):
        return ""
    unit = _code_of(measured[0], "MeasurementUnitsCodeSequence")[0]
    return f"{float(measured[0].get('NumericValue')):g} {UNITS.get(unit, unit)}".strip()


def _concept(item: Any) -> tuple[str, str]:
    return _code_of(item, "ConceptNameCodeSequence")


def _code_of(item: Any, name: str) -> tuple[str, str]:
    """Value and meaning of a code; empty where there is none."""
    codes = item.get(name) or []
    return (str(codes[0].get("CodeValue", "")), str(codes[0].get("CodeMeaning", "")).strip()) if len(codes) else ("", "")
