"""A volume node has the identity that the server, the command line and a DICOM export give the same voxels."""

from __future__ import annotations

import numpy as np
import pytest
from AsapSlicerLib.identity import voxel_identity
from AsapSlicerLib.volume_nodes import SourceImage

from asap.volume import Volume
from tests.io.synthetic import ras_affine, stored_as


@pytest.mark.parametrize("codes", ["RAS", "LPS", "SAR", "PIL"])
@pytest.mark.parametrize("tilt_degrees", [0.0, 20.0])
@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64, np.int32])
def test_the_same_voxels_have_the_same_identity_however_they_are_stored(codes: str, tilt_degrees: float, kind: type) -> None:
    random = np.random.default_rng(7)
    voxels = random.integers(-1024, 2000, (21, 18, 17)).astype(np.int16)
    data, affine = stored_as(voxels, ras_affine((1.5, 2.0, 3.0), tilt_degrees), codes)
    wanted = Volume(np.ascontiguousarray(data), affine).identity
    as_vtk = np.ascontiguousarray(data.transpose(2, 1, 0)).transpose(2, 1, 0).astype(kind)
    assert voxel_identity(SourceImage(as_vtk, affine, ())) == wanted
    changed = as_vtk.copy()
    changed[3, 4, 5] += 1
    assert voxel_identity(SourceImage(changed, affine, ())) != wanted
