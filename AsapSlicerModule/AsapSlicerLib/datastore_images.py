"""Which image of a server's datastore a volume node is: noted when it was opened from there, or the DICOM series it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asap.client import AsapClient
from asap.client.labelling import is_series_uid

from . import volume_nodes

IMAGE, SHA256 = "ASAP.datastoreImage", "ASAP.datastoreSha256"


@dataclass(frozen=True)
class Held:
    """image: its id in the datastore. sha256: of the file that was opened; "" for a DICOM series, whose UID names no other."""

    image: str
    sha256: str

    def is_still_in(self, client: AsapClient) -> bool:
        """Whether this server holds this very image. A name such as "case1" is another patient's on another server.

        Asked on a worker. True for a DICOM series without asking: opening it tells.
        """
        return not self.sha256 or client.holds_image(self.image, self.sha256)


def opened_from(image: str, sha256: str) -> Held:
    """An image that was opened from a datastore."""
    return Held(image, "" if is_series_uid(image) else sha256)


def note_held(volume: Any, held: Held) -> None:
    """Keep it with the node, and with the scene that is saved."""
    volume.SetAttribute(IMAGE, held.image)
    volume.SetAttribute(SHA256, held.sha256)


def held_of(volume: Any) -> Held | None:
    """The image a node is, as far as this side knows; None for a volume of other origin."""
    image = volume.GetAttribute(IMAGE)
    if image:
        return Held(image, volume.GetAttribute(SHA256) or "")
    uid = volume_nodes.series_uid(volume)
    return None if uid is None else Held(uid, "")
