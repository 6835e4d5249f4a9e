"""The review of each CT in one MRML text node: enough to go on without a server, texts, maps and decisions included."""

from __future__ import annotations

from typing import Any

from asap.review import Review, from_json, to_json

from .i18n import _

ROLE = "ASAP.role"
REVIEW_ROLE = "review"
VOLUME_REFERENCE = "ASAP.volume"


def review_nodes(scene: Any) -> list[Any]:
    """The scene's review nodes, one for every CT that was reviewed."""
    count = scene.GetNumberOfNodesByClass("vtkMRMLTextNode")
    nodes = [scene.GetNthNodeByClass(n, "vtkMRMLTextNode") for n in range(count)]
    return [node for node in nodes if node.GetAttribute(ROLE) == REVIEW_ROLE]


def review_node(scene: Any, volume: Any) -> Any:
    """The node with the review of this volume, or None. Another CT's maps must never be drawn over it."""
    return next((node for node in review_nodes(scene) if node.GetNodeReference(VOLUME_REFERENCE) is volume), None)


def save(scene: Any, review: Review, volume: Any) -> Any:
    """Write the review into the node of its volume, made on first use. Returns the node."""
    node = review_node(scene, volume)
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLTextNode", _("ASAP review"))
        node.SetAttribute(ROLE, REVIEW_ROLE)
        # The words stand in the .mrml itself: they are there however the scene was saved.
        node.SetForceCreateStorageNode(node.CreateStorageNodeNever)
    node.SetNodeReferenceID(VOLUME_REFERENCE, volume.GetID() if volume is not None else None)
    node.SetText(to_json(review))
    return node


def load(scene: Any, volume: Any) -> Review | None:
    """The review of this volume, or None. ValueError for a damaged one."""
    node = review_node(scene, volume)
    return from_json(node.GetText()) if node is not None and node.GetText() else None


def reviewed_volume(scene: Any, chosen: Any) -> Any:
    """The volume to go on with: the chosen one where it has a review or nothing has, else that of the newest review."""
    nodes = review_nodes(scene)
    volumes = [node.GetNodeReference(VOLUME_REFERENCE) for node in nodes]
    return chosen if not nodes or chosen in volumes else volumes[-1]
