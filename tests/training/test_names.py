"""Cases, caches and runs may be called anything."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asap.io.nifti_write import write_nifti
from asap_training.data import cache
from asap_training.data.case import name_digest
from asap_training.data.datasets.plain_table import plain_cases
from asap_training.loop.run_checkpoint import Progress, clear_partial, load_run, save_run
from asap_training.loop.runlog import RunLog, keep_until
from asap_training.prepare import prepare
from tests.names import NAMES
from tests.training.data.raw_cases import FINDINGS, chest, options, quiet, save_rows


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_cache_and_the_volumes_it_is_made_of(tmp_path: Path, name: str) -> None:
    raw, out = tmp_path / "raw" / name, tmp_path / name
    raw.mkdir(parents=True)
    volume = chest()
    write_nifti(raw / f"{name}.nii", volume.hu, volume.affine)
    table = save_rows(raw / f"{name}.csv", [["volume", "findings", "impression"], [f"{name}.nii", FINDINGS, "Nodule."]])
    assert prepare(plain_cases(table, 0.0), options(out), quiet)
    assert cache.read_index(out)["train"] == [name_digest(f"{name}.nii")]
    record = cache.read_record(out, name_digest(f"{name}.nii"))
    assert cache.is_whole(out, record, read=True)
    assert cache.open_array(cache.case_path(out, record.case, "volume.b2nd"))[:].shape == record.shape


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_run(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    out.mkdir()
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters())
    with RunLog(out, step=0, samples=0, total=2, first=True) as log:
        for step in (1, 2, 3):
            save_run(out, Progress(step=step, samples=step), model, optimizer)
            log.step(step, step, {"loss": 1.0})
    keep_until(out / "log.jsonl", 3)
    (out / ".run-00000004-0.partial").mkdir()
    clear_partial(out)
    assert load_run(out, model, optimizer).progress.step == 3
    assert [path.name for path in sorted(out.iterdir()) if "run-" in path.name] == ["run-00000002", "run-00000003"]
