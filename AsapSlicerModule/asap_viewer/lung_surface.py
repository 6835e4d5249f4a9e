"""The lungs as a faint surface: where in the chest a region floats. Classical masks, no model."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk
from AsapSlicerLib import volume_nodes
from scipy import ndimage
from vtk.util.numpy_support import numpy_to_vtk

from asap.lungs import segment_lungs
from asap.volume import Volume

SMOOTHING_CELLS = 0.8


def lung_surface(volume: Volume) -> Any | None:
    """vtkPolyData in RAS+ mm around both lungs; None where no lung was found. Takes about a second; for a worker thread.

    On the masks' own cells of 4.5 mm: VTK holds the interpreter while it works, and a finer surface would stop the page.
    """
    masks = segment_lungs(volume)
    lungs = np.pad((masks.left | masks.right).astype(np.float32), 1)
    if not lungs.any():
        return None
    shift = np.eye(4)
    shift[:3, 3] = -1
    to_world = vtk.vtkTransform()
    to_world.SetMatrix(volume_nodes.vtk_matrix(masks.affine @ shift))
    image = vtk.vtkImageData()
    image.SetDimensions(*lungs.shape)
    smooth = ndimage.gaussian_filter(lungs, SMOOTHING_CELLS)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(smooth.transpose(2, 1, 0)).ravel(), deep=True))
    surface = vtk.vtkFlyingEdges3D()
    surface.SetInputData(image)
    surface.SetValue(0, 0.5)
    surface.ComputeScalarsOff()
    placed = vtk.vtkTransformPolyDataFilter()
    placed.SetInputConnection(surface.GetOutputPort())
    placed.SetTransform(to_world)
    placed.Update()
    return placed.GetOutput()
