"""A model by name -> an engine ready to answer."""

from __future__ import annotations

from pathlib import Path

from asap.errors import InputError, WeightsError
from asap.inference.engine import Engine
from asap.inference.feature_store import FeatureStore
from asap.inference.finding_curves import Curves, load_curves
from asap.inference.grounder import AsapGrounder, Grounder, MiniGrounder
from asap.models.catalog import MODELS, model_folder
from asap.models.load import LoadedMini, LoadedModel, load_model, preferred_device
from asap.models.load_finding_head import finding_head_folder, load_finding_head
from asap.models.load_segmentation import SegmentationHeads, belongs_to, load_segmentation, segmentation_folder
from asap.models.nodule_scorer import load_nodule_scorer, nodule_scorer_folder
from asap.preprocess import GridConfig


def load_engine(source: str, store: FeatureStore | None = None) -> Engine:
    """Load by catalogue name, or by the path of a folder with weights. Raises WeightsError or InputError.

    Images are encoded on a GPU where there is one; everything else is computed on the processor.
    store: where encoded cases are kept on disk.
    """
    if source not in MODELS and not Path(source).is_dir():
        raise InputError(f"There is no model of this name; known are {', '.join(MODELS)}, or name a folder with weights.")
    loaded = load_model(source if source in MODELS else Path(source))
    grounder = grounder_of(loaded)
    grounder.place(preferred_device())
    curves = None
    if source not in MODELS or MODELS[source].seed is None:  # what is made from a seed has no folder
        folder = model_folder(source) if source in MODELS else Path(source)
        curves = curves_of(grounder, folder)
    return Engine(grounder, store, curves, heads_of(grounder))


def heads_of(grounder: Grounder) -> SegmentationHeads | None:
    """The segmentation heads installed for a model, if they belong to these very weights; None where there are none.

    Raises WeightsError for damaged ones.
    """
    folder = segmentation_folder(grounder.name)
    if folder is None or not belongs_to(folder, grounder.weights_sha256):
        return None
    return load_segmentation(folder, grounder.weights_sha256)


def curves_of(grounder: Grounder, folder: Path) -> Curves | None:
    """The curves of the findings beside the weights their evidence comes from: the finding head's, or without one the model's.

    folder: of the model's weights. A head without its curves has none, whatever the model has. Raises WeightsError for a
    damaged file.
    """
    if grounder.finding_head is None:
        return load_curves(folder, grounder.weights_sha256)
    head_folder = finding_head_folder(grounder.name, grounder.weights_sha256)
    beside = None if head_folder is None else load_curves(head_folder, grounder.finding_head.weights_sha256)
    return beside or {}


def grounder_of(loaded: LoadedModel) -> Grounder:
    """The engine's view of a loaded model, with its finding head and nodule scorer where they were made for these very weights.

    Raises WeightsError for damaged ones.
    """
    if isinstance(loaded, LoadedMini):
        if loaded.model.config.input_shape != MiniGrounder.grid.shape:
            raise WeightsError("The embedded model's weights are for another field of view than this version reads.")
        digest = loaded.weights_sha256
        folder, scorer_folder = finding_head_folder(loaded.name, digest), nodule_scorer_folder(loaded.name, digest)
        return MiniGrounder(
            loaded.model,
            name=loaded.name,
            weights_sha256=digest,
            calibration=loaded.calibration,
            finding_head=None if folder is None else load_finding_head(folder, digest),
            nodule_scorer=None if scorer_folder is None else load_nodule_scorer(scorer_folder),
        )
    encoder = loaded.model.config.encoder
    grid = GridConfig(spacing_mm=encoder.spacing_mm, shape=encoder.volume_shape, cell=encoder.patch)
    return AsapGrounder(
        loaded.model,
        loaded.tokenizer,
        name=loaded.name,
        weights_sha256=loaded.weights_sha256,
        grid=grid,
        calibration=loaded.calibration,
    )
