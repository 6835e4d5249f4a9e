"""A file of a server's datastore as a volume node, read by Slicer's own reader; no copy of it stays on the disk."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import slicer

from .datastore_images import Held, held_of, note_held
from .i18n import _


def image_ending(data: bytes) -> str:
    """The ending of a NIfTI or NRRD file, told from its first bytes."""
    if data.startswith(b"\x1f\x8b"):
        return ".nii.gz"
    return ".nrrd" if data.startswith(b"NRRD") else ".nii"


def opened_volume(scene: Any, data: bytes, held: Held) -> Any:
    """The volume node of an image: the one the scene has of it already, else a new one. ValueError for an unreadable file."""
    count = scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")
    nodes = (scene.GetNthNodeByClass(n, "vtkMRMLScalarVolumeNode") for n in range(count))
    known = next((node for node in nodes if held_of(node) == held), None)
    if known is not None:
        return known
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", held.image)
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetSingleFile(True)
    with tempfile.TemporaryDirectory(prefix="asap-image-") as folder:
        path = Path(folder) / f"image{image_ending(data)}"
        path.write_bytes(data)
        storage.SetFileName(str(path))
        read = storage.ReadData(node)
    if not read or node.GetImageData() is None:
        scene.RemoveNode(node)
        raise ValueError(_("The image the server sent cannot be read."))
    node.CreateDefaultDisplayNodes()
    note_held(node, held)
    return node
