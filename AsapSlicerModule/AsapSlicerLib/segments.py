"""Heat -> an editable segment: cut at a threshold, keep the island under the cursor, hand it to the Segment Editor.

The island and its millilitres are found on cells of about 3 mm, at once; the segment itself is cut from the linearly
interpolated heat on the CT's own voxels, in the island's box only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from . import volume_nodes
from .colours import Colour
from .heat_maps import HeatMap
from .i18n import _
from .segment_masks import LABELMAP, mark_drawn
from .volume_nodes import Affine, Point

STEP_MM = 3.0
MM3_PER_ML = 1000.0
ROLE = "ASAP.role"
SEGMENTS_ROLE = "segments"
TARGET = "ASAP.target"  # of a segmentation of the reader's own that was chosen
FILL_OPACITY = 0.15

MORPHOLOGY = "SCT^49755003^Morphologically Altered Structure"
ANY_TYPE = ("SCT^309825002^Spatial and Relational Concept", "NCIt^C94970^Reference Region")
TYPES: tuple[tuple[str, str], ...] = (  # DICOM master list; the first word found names the type
    (r"nodul", "SCT^27925004^Nodule"),
    (r"mass|tumou?r", "SCT^4147007^Mass"),
    (r"cyst", "SCT^367643001^Cyst"),
    (r"embol", "SCT^55584005^Embolus"),
    (r"abscess", "SCT^44132006^Abscess"),
    (r"ha?emorrhag", "SCT^50960005^Hemorrhage"),
    (r"o?edema", "SCT^79654002^Edema"),
    (r"metasta", "SCT^14799000^Neoplasm, Secondary"),
)
REGIONS: tuple[tuple[str, str, bool], ...] = (  # whether a side may be named
    (r"pleura", "SCT^3120008^Pleura", True),
    (r"\blungs?\b|\blobe|lingula|pulmonary nodul", "SCT^39607008^Lung", True),
    (r"mediastin", "SCT^72410000^Mediastinum", False),
    (r"aort", "SCT^15825003^Aorta", False),
    (r"heart|cardi", "SCT^80891009^Heart", False),
)
SIDES = {"right": "SCT^24028007^Right", "left": "SCT^7771000^Left", "bilateral": "SCT^51440002^Right and left"}


@dataclass(frozen=True, eq=False)
class Island:
    """mask_abc: cells of the island; affine_ras_mm: cell index -> RAS+ mm; seed_ras_mm: a place inside; millilitres: its size."""

    mask_abc: NDArray[np.bool_]
    affine_ras_mm: Affine
    seed_ras_mm: Point
    millilitres: float


def island(heat: HeatMap, share: float, cursor_ras_mm: Point | None = None) -> Island | None:
    """The connected cells at or above `share` of the peak that hold the cursor (the peak without one); None when it is cold."""
    cell_mm = float(np.linalg.norm(heat.affine_ras_mm[:3, :3], axis=0).max())
    smooth = heat.subdivided(round(cell_mm / STEP_MM) | 1)
    mask = smooth.heat_abc >= share * heat.peak
    if cursor_ras_mm is None:
        seed = tuple(int(n) for n in np.unravel_index(int(smooth.heat_abc.argmax()), mask.shape))
    else:
        index = np.rint((np.linalg.inv(smooth.affine_ras_mm) @ [*cursor_ras_mm, 1.0])[:3]).astype(int)
        seed = tuple(int(n) for n in np.clip(index, 0, np.asarray(mask.shape) - 1))
        if np.abs(index - seed).max() > 1:
            return None
    if not mask[seed]:
        return None
    kept = connected(mask, (seed[0], seed[1], seed[2]))
    ml = float(kept.sum()) * abs(float(np.linalg.det(smooth.affine_ras_mm[:3, :3]))) / MM3_PER_ML
    r, a, s = (smooth.affine_ras_mm @ [*seed, 1.0])[:3]
    return Island(kept, smooth.affine_ras_mm, (float(r), float(a), float(s)), ml)


def connected(mask_ijk: NDArray[np.bool_], seed: tuple[int, int, int]) -> NDArray[np.bool_]:
    """The face-connected part of a mask that holds `seed`."""
    points, places = vtk.vtkPoints(), vtk.vtkPolyData()
    points.InsertNextPoint(*seed)
    places.SetPoints(points)
    flood = vtk.vtkImageConnectivityFilter()
    flood.SetInputData(volume_nodes.labelmap_image(mask_ijk))
    flood.SetSeedData(places)
    flood.SetScalarRange(1, 1)
    flood.SetExtractionModeToSeededRegions()
    flood.SetLabelScalarTypeToUnsignedChar()
    flood.Update()
    return _array_ijk(flood.GetOutput()) > 0


def segment_mask(
    heat: HeatMap, share: float, found: Island, affine_ras_mm: Affine, shape: tuple[int, int, int]
) -> tuple[NDArray[np.bool_], Affine]:
    """The island on the CT's voxels: a mask of the voxels around it and that box's affine. ValueError outside the CT."""
    index = np.argwhere(found.mask_abc)
    ends = (index.min(axis=0) - 1, index.max(axis=0) + 1)
    corners = np.array([[ends[i][0], ends[j][1], ends[k][2], 1.0] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    reach = (np.linalg.inv(affine_ras_mm) @ found.affine_ras_mm @ corners.T)[:3]
    low = np.clip(np.floor(reach.min(axis=1)).astype(int), 0, np.asarray(shape))
    high = np.clip(np.ceil(reach.max(axis=1)).astype(int) + 1, 0, np.asarray(shape))
    if (high <= low).any():
        raise ValueError(_("The region lies outside the CT; choose another place."))
    shift = np.eye(4)
    shift[:3, 3] = low
    box_affine = affine_ras_mm @ shift
    warm = _on_lattice(heat, box_affine, high - low) >= share * heat.peak
    seed = np.rint((np.linalg.inv(box_affine) @ [*found.seed_ras_mm, 1.0])[:3]).astype(int)
    i, j, k = (int(n) for n in np.clip(seed, 0, np.asarray(warm.shape) - 1))
    warm[i, j, k] = True
    return connected(warm, (i, j, k)), box_affine


def onto_voxels(
    mask_ijk: NDArray[np.bool_], mask_affine_ras_mm: Affine, affine_ras_mm: Affine, shape: tuple[int, int, int]
) -> tuple[NDArray[np.bool_], Affine]:
    """A mask of another grid on the CT's voxels: those around it and that box's affine. ValueError outside the CT."""
    padded = np.pad(mask_ijk.astype(np.float32), 1)
    shift = np.eye(4)
    shift[:3, 3] = -1
    own = mask_affine_ras_mm @ shift
    corners = np.array([[i, j, k, 1.0] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    ends = corners * [*(n - 1 for n in padded.shape), 1.0]
    reach = (np.linalg.inv(affine_ras_mm) @ own @ ends.T)[:3]
    low = np.clip(np.floor(reach.min(axis=1) + 1e-6).astype(int), 0, np.asarray(shape))
    high = np.clip(np.ceil(reach.max(axis=1) - 1e-6).astype(int) + 1, 0, np.asarray(shape))
    if (high <= low).any():
        raise ValueError(_("The region lies outside the CT; choose another place."))
    place = np.eye(4)
    place[:3, 3] = low
    box_affine = affine_ras_mm @ place
    return _on_lattice(HeatMap(padded, own, 1.0, 0.5), box_affine, high - low) >= 0.5, box_affine


def _on_lattice(heat: HeatMap, affine_ras_mm: Affine, shape: NDArray[np.int64]) -> NDArray[np.float32]:
    image = vtk.vtkImageData()
    image.SetDimensions(*heat.heat_abc.shape)
    flat = np.array(heat.heat_abc.transpose(2, 1, 0), order="C").ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True, array_type=vtk.VTK_FLOAT))
    reslice = vtk.vtkImageReslice()
    reslice.SetInputData(image)
    reslice.SetResliceAxes(volume_nodes.vtk_matrix(np.linalg.inv(heat.affine_ras_mm) @ affine_ras_mm))
    reslice.SetInterpolationModeToLinear()
    reslice.SetOutputSpacing(1, 1, 1)
    reslice.SetOutputOrigin(0, 0, 0)
    reslice.SetOutputExtent(0, int(shape[0]) - 1, 0, int(shape[1]) - 1, 0, int(shape[2]) - 1)
    reslice.SetBackgroundLevel(0)
    reslice.Update()
    return _array_ijk(reslice.GetOutput())


def _array_ijk(image: Any) -> NDArray[Any]:
    columns, rows, slices = image.GetDimensions()
    return np.array(vtk_to_numpy(image.GetPointData().GetScalars()).reshape(slices, rows, columns).transpose(2, 1, 0))


def add_segment(
    scene: Any,
    volume: Any,
    mask_ijk: NDArray[np.bool_],
    affine_ras_mm: Affine,
    *,
    name: str,
    colour: Colour,
    terminology: str,
    label: str = "",
) -> tuple[Any, str]:
    """Put a mask into the segmentation of `volume`, made on first use. Returns the node and the segment's id.

    label: what it is, where the name is a sentence.
    """
    node = segmentation_for(scene, volume)
    segment = slicer.vtkSegment()
    segment.SetName(name)
    segment.SetColor(*colour)
    segment.SetTag(segment.GetTerminologyEntryTagName(), terminology)
    segment.AddRepresentation(LABELMAP, oriented_image(mask_ijk, affine_ras_mm))
    mark_drawn(segment, label)
    segmentation = node.GetSegmentation()
    identity = segmentation.GenerateUniqueSegmentID("asap")
    segmentation.AddSegment(segment, identity)
    return node, identity


def replace_mask(node: Any, identity: str, mask_ijk: NDArray[np.bool_], affine_ras_mm: Affine) -> None:
    """Give a segment another mask; what is drawn of it follows."""
    segmentation = node.GetSegmentation()
    segment = segmentation.GetSegment(identity)
    segmentation.SeparateSegmentLabelmap(identity)  # an editor may have joined it with others in one label map
    segment.RemoveAllRepresentations(LABELMAP)  # surfaces of the old mask
    segment.AddRepresentation(LABELMAP, oriented_image(mask_ijk, affine_ras_mm))
    segment.SetLabelValue(1)
    mark_drawn(segment)
    segmentation.InvokeEvent(segmentation.SourceRepresentationModified, None)
    node.Modified()


def oriented_image(mask_ijk: NDArray[np.bool_], affine_ras_mm: Affine) -> Any:
    """A mask as the vtkOrientedImageData a segment holds."""
    image = slicer.vtkOrientedImageData()
    image.ShallowCopy(volume_nodes.labelmap_image(mask_ijk))
    image.SetImageToWorldMatrix(volume_nodes.vtk_matrix(affine_ras_mm))
    return image


def segmentation_of(scene: Any, volume: Any) -> Any:
    """The segmentation node the segments of `volume` go into: the chosen one, else the one made here, else None."""
    found = [node for node in _segmentations(scene) if _reference(node) is volume]
    return next((node for node in found if node.GetAttribute(TARGET)), next(iter(found), None))


def segmentation_choices(scene: Any, volume: Any) -> list[Any]:
    """Segmentations of the scene that are not ours and could take the segments of `volume`: made on it, or on nothing known."""
    fitting = []
    for node in _of_class(scene) if volume is not None else []:
        segmentation, about = node.GetSegmentation(), _reference(node)
        labels = segmentation.GetSourceRepresentationName() == LABELMAP or not segmentation.GetNumberOfSegments()
        moves = node.GetTransformNodeID() != volume.GetTransformNodeID()
        if not node.GetAttribute(ROLE) and about in (volume, None) and labels and not moves:
            fitting.append(node)
    return fitting


def choose_segmentation(scene: Any, volume: Any, chosen: Any) -> None:
    """Put the segments of `volume` into this segmentation from now on; None is the one made here."""
    for node in _segmentations(scene):
        if node is not chosen and _reference(node) is volume:
            node.RemoveAttribute(TARGET)
    if chosen is None:
        return
    chosen.SetAttribute(TARGET, "1")
    chosen.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    chosen.GetSegmentation().SetSourceRepresentationName(LABELMAP)
    if chosen.GetDisplayNode() is None:
        chosen.CreateDefaultDisplayNodes()


def segmentation_for(scene: Any, volume: Any) -> Any:
    """The same as `segmentation_of`, made where there is none."""
    return segmentation_of(scene, volume) or _made_segmentation(scene, volume)


def show_only(scene: Any, volume: Any) -> None:
    """Hide the segments of every other CT."""
    for node in _segmentations(scene):
        node.GetDisplayNode().SetVisibility(_reference(node) is volume)


def _segmentations(scene: Any) -> list[Any]:
    return [node for node in _of_class(scene) if node.GetAttribute(ROLE) == SEGMENTS_ROLE or node.GetAttribute(TARGET)]


def _of_class(scene: Any) -> list[Any]:
    count = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    return [scene.GetNthNodeByClass(n, "vtkMRMLSegmentationNode") for n in range(count)]


def _reference(node: Any) -> Any:
    return node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())


def _made_segmentation(scene: Any, volume: Any) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", _("ASAP segments"))
    node.SetAttribute(ROLE, SEGMENTS_ROLE)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetOpacity2DFill(FILL_OPACITY)  # what lies under it, the heat included, is to be judged
    node.GetDisplayNode().SetSliceIntersectionThickness(2)
    node.GetSegmentation().SetSourceRepresentationName(LABELMAP)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    volume_nodes.follow_transform(node, volume)
    return node


def type_meaning(terminology: str) -> str:
    """What a serial entry says the thing is, in words; "Lesion" where it only says that it is some region."""
    category, kind = terminology.split("~")[1:3]
    return kind.split("^")[2] if category == MORPHOLOGY else "Lesion"


def terminology_entry(sentence: str, laterality: str | None) -> str:
    """DICOM codes for a segment of this sentence, in Slicer's serial form: what it is, and where when the words say so."""
    words = sentence.lower()
    kind = next((code for pattern, code in TYPES if re.search(pattern, words)), None)
    category, kind = (MORPHOLOGY, kind) if kind is not None else ANY_TYPE
    region, side = "^^", "^^"
    for pattern, code, sided in REGIONS:
        if re.search(pattern, words):
            region = code
            side = SIDES.get(laterality or "", "^^") if sided else "^^"
            break
    context, anatomy = "Segmentation category and type - DICOM master list", "Anatomic codes - DICOM master list"
    return "~".join((context, category, kind, "^^", anatomy, region, side))
