"""Preparing resumes to the same bytes, lists what it cannot read, notices damage and other settings (D7, E1, E5)."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest
import torch

from asap.errors import InputError, OutputError
from asap.io.nifti_write import write_nifti
from asap.models.load import LoadedAsap, load_model
from asap.volume import apply_affine
from asap_training.data import cache
from asap_training.data.case import name_digest
from asap_training.data.datasets.plain_table import plain_cases
from asap_training.data.image import prepared_image
from asap_training.data.organ_masks import CLASSICAL, ORGANS, OrganSettings, organ_labels
from asap_training.data.organ_shares import organ_shares
from asap_training.prepare import PrepareOptions, finish, main, prepare
from tests.forks import CONTEXT
from tests.training.data.raw_cases import FINDINGS, TEST_SPACING, chest, options, quiet, save_rows, tree, write_table
from tests.training.data.test_organ_masks import recorded
from tests.training.processes import ended


def prepared(tmp_path: Path, count: int, chosen: PrepareOptions | None = None) -> Path:
    out = tmp_path / "cache"
    assert prepare(plain_cases(write_table(tmp_path / "raw", count), 0.3), chosen or options(out), quiet)
    return out


def test_what_is_prepared_can_be_read_back(tmp_path: Path) -> None:
    out = prepared(tmp_path, 2, options(tmp_path / "cache", OrganSettings("classical", CLASSICAL)))
    index = cache.read_index(out)
    record = cache.read_record(out, name_digest("v1.nii"))
    assert sorted(index["train"] + index["valid"]) == sorted(name_digest(f"v{n}.nii") for n in range(2))
    hu = cache.open_array(cache.case_path(out, record.case, "volume.b2nd"))
    organs = cache.open_array(cache.case_path(out, record.case, "organs.b2nd"))
    assert (hu.dtype, hu.shape) == (np.int16, record.shape)
    every = [np.arange(n) for n in record.shape]
    shares_NC = organ_shares(organs[:], record.shape, every, (1, 1, 1), 5)
    raw = next(raw for raw in plain_cases(tmp_path / "raw" / "cases.csv", 0.3) if raw.case == record.case)
    chosen = options(out, OrganSettings("classical", CLASSICAL))
    labels = organ_labels(chosen.organs, raw, prepared_image(raw, chosen.image))
    assert labels is not None and np.array_equal(shares_NC.argmax(1), labels.ravel())
    loaded = load_model("asap-test", torch.float32)
    assert isinstance(loaded, LoadedAsap)
    encoded = loaded.tokenizer.encode_report(FINDINGS)
    ids, sentences = record.findings
    assert np.array_equal(ids, encoded.ids[: len(ids)])
    assert np.array_equal(sentences, encoded.sentence_ids[: len(ids)])
    assert record.names_side
    assert record.text is not None
    kept = cache.open_array(cache.text_path(out, record.text))[:]
    wanted = loaded.model.text_encoder(torch.from_numpy(ids)[None])[0].detach().numpy()
    assert np.abs(kept - wanted).max() < 2e-3 * np.abs(wanted).max()


def test_nothing_of_a_patient_is_kept(tmp_path: Path) -> None:
    rows = [["volume", "findings", "impression", "patient"], ["v0.nii", "Zebra sign of Mrs Doe.", "", "Doe"]]
    write_table(tmp_path / "raw", 1)
    out = tmp_path / "cache"
    prepare(plain_cases(save_rows(tmp_path / "raw" / "cases.csv", rows), 0.3), options(out), quiet)
    for name in tree(out):
        assert "v0" not in name
        assert b"Doe" not in (out / name).read_bytes()
        assert b"v0.nii" not in (out / name).read_bytes()


def test_unreadable_cases_are_listed_by_digest_and_bounded(tmp_path: Path) -> None:
    """One of three: an error by default; allowed, it is left out and listed; mended, it is there."""
    cases = plain_cases(write_table(tmp_path / "raw", 3), 0.3)
    whole = (tmp_path / "raw" / "v1.nii").read_bytes()
    (tmp_path / "raw" / "v1.nii").write_bytes(whole[:5000])
    out = tmp_path / "cache"
    with pytest.raises(InputError, match=r"1 of 3 cases.*" + name_digest("v1.nii")) as caught:
        prepare(cases, options(out), quiet)
    assert "v1" not in str(caught.value)
    with pytest.raises(InputError, match="not all prepared"):
        cache.read_index(out)
    assert prepare(cases, options(out, allow_unreadable=0.5), quiet)
    listed = json.loads((out / cache.INDEX).read_text())["unreadable"]
    assert list(listed) == [name_digest("v1.nii")]
    assert "truncated" in listed[name_digest("v1.nii")]
    (tmp_path / "raw" / "v1.nii").write_bytes(whole)
    assert prepare(cases, options(out), quiet)
    assert json.loads((out / cache.INDEX).read_text())["unreadable"] == {}


def test_one_case_of_two_hundred_may_be_unreadable_and_no_more(tmp_path: Path) -> None:
    """0.5 %, as a run of that size finishes (D7)."""
    stored = cache.Stored("", 0)
    names = [name_digest(f"v{n}") for n in range(200)]
    records = [
        cache.CaseRecord(name, name, "train", "", name, (1, 1, 1), (), (), (), (), (), False, stored, None, None, None, None)
        for name in names
    ]
    chosen = options(tmp_path / "out")
    with cache.opened_cache(chosen.out, {"settings": "any"}):
        with pytest.raises(InputError, match=rf"2 of 200 cases cannot be used, more than 0\.5%.*{names[-1]}"):
            finish(chosen, records[:198], dict.fromkeys(names[198:], "truncated"))
        assert not (chosen.out / cache.INDEX).exists()
        finish(chosen, records[:199], {names[-1]: "truncated"})
    assert len(cache.read_index(chosen.out)["train"]) == 199
    assert json.loads((chosen.out / cache.INDEX).read_text())["unreadable"] == {names[-1]: "truncated"}


def test_a_recorded_totalsegmentator_fills_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command with its arguments, from the command line to the shares a sample is taught."""
    table, out, volume = write_table(tmp_path / "raw", 1), tmp_path / "cache", chest()
    organs = np.zeros(volume.shape, np.uint8)
    organs[8:16, 14:22, 6:14], organs[22:26, 10:15, 12:17] = 51, 10  # heart and left upper lobe
    write_nifti(tmp_path / "organs.nii.gz", organs, volume.affine)
    run = recorded(tmp_path, f"assert a.fast; shutil.copy({str(tmp_path / 'organs.nii.gz')!r}, a.o)")
    arguments = ["--table", str(table), "--out", str(out), "--weights", "asap-test", "--valid-share", "0"]
    arguments += ["--spacing", *map(str, TEST_SPACING), "--organs", "totalsegmentator", "--totalsegmentator", run]
    monkeypatch.setattr(sys, "argv", ["asap-train prepare", *arguments])
    with pytest.raises(SystemExit) as ended_with:
        main()
    assert ended_with.value.code == 0
    settings, _ = cache.read_settings(out)
    assert settings["organs"]["command"] == run
    record = cache.read_record(out, name_digest("v0.nii"))
    runs = cache.open_array(cache.case_path(out, record.case, "organs.b2nd"))[:]
    shares_NC = organ_shares(runs, record.shape, [np.arange(n) for n in record.shape], (1, 1, 1), 9)
    for organ, box in (("heart", organs == 51), ("left_upper_lobe", organs == 10)):
        share_HWD = shares_NC[:, 1 + list(ORGANS).index(organ)].reshape(record.shape)
        world = apply_affine(np.array(record.affine), np.argwhere(share_HWD).mean(0))
        assert np.abs(world - apply_affine(volume.affine, np.argwhere(box).mean(0))).max() < max(TEST_SPACING) / 2


def test_other_settings_or_another_report_are_noticed(tmp_path: Path) -> None:
    out = prepared(tmp_path, 2)
    cases = plain_cases(tmp_path / "raw" / "cases.csv", 0.3)
    with pytest.raises(InputError, match="other settings"):
        prepare(cases, options(out, OrganSettings("classical", CLASSICAL)), quiet)
    before = tree(out)
    rows = [
        ["volume", "findings", "impression", "patient"],
        ["v0.nii", "No nodule.", "", "p0"],
        ["v1.nii", FINDINGS, "Nodule.", "p1"],
    ]
    prepare(plain_cases(save_rows(tmp_path / "raw" / "cases.csv", rows), 0.3), options(out), quiet)
    changed = {name for name, digest in tree(out).items() if before.get(name) != digest and name.startswith("cases")}
    assert changed == {str(cache.case_path(Path(), name_digest("v0.nii"), "json"))}


def test_damage_is_found_and_mended(tmp_path: Path) -> None:
    out = prepared(tmp_path, 2)
    before = tree(out)
    cases = plain_cases(tmp_path / "raw" / "cases.csv", 0.3)
    for ending in ("volume.b2nd", "json"):
        path = cache.case_path(out, name_digest("v0.nii"), ending)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
    text = next((out / "texts").rglob("*.b2nd"))
    text.write_bytes(b"x" * text.stat().st_size)
    assert prepare(cases, options(out, verify=True), quiet)
    assert tree(out) == before


def test_a_refused_write_ends_the_run_and_says_what_it_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is no fault of a case: nothing is listed as unreadable, and the next run goes on."""
    cases = plain_cases(write_table(tmp_path / "raw", 1), 0.3)
    out = tmp_path / "cache"
    sync, calls = os.fsync, []

    def refuse_third(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", refuse_third)
    with pytest.raises(OutputError, match="prepared volume"):
        prepare(cases, options(out), quiet)
    assert not list(out.rglob("*.b2nd")) and not list(out.rglob(".asap-*"))
    assert prepare(cases, options(out), quiet)


def _prepare_together(table: Path, out: Path, meet: Barrier, ending: str) -> None:
    """Prepare; before a file of this ending gets its name, wait until the other process is there too."""
    replace = os.replace

    def replace_together(part: Path, path: Path) -> None:
        if path.name.endswith(ending):
            meet.wait(120)
        replace(part, path)

    os.replace = replace_together  # type: ignore[assignment]
    prepare(plain_cases(table, 0.3), options(out), quiet)


@pytest.mark.slow
def test_two_at_once_give_the_bytes_of_one(tmp_path: Path) -> None:
    """Both have every volume written, and neither named, before they go on; nothing of either is taken for a dead one's rest."""
    table = write_table(tmp_path / "raw", 2)
    prepare(plain_cases(table, 0.3), options(tmp_path / "one"), quiet)
    arguments = (table, tmp_path / "two", CONTEXT.Barrier(2), "volume.b2nd")
    both = [CONTEXT.Process(target=_prepare_together, args=arguments, daemon=True) for _ in range(2)]
    for process in both:
        process.start()
    assert ended(both, 300) == [0, 0]
    assert tree(tmp_path / "two") == tree(tmp_path / "one")


@pytest.mark.slow
def test_one_that_comes_later_leaves_what_another_is_writing(tmp_path: Path) -> None:
    table = write_table(tmp_path / "raw", 1)
    meet = CONTEXT.Barrier(2)
    [writing] = both = [CONTEXT.Process(target=_prepare_together, args=(table, tmp_path / "out", meet, ".json"), daemon=True)]
    writing.start()
    meet.wait(120)  # the settings are about to be named
    until = time.monotonic() + 120
    while not list((tmp_path / "out").rglob("cases/*/.asap-*.part")) or meet.n_waiting == 0:
        assert time.monotonic() < until
        time.sleep(0.01)
    prepare(plain_cases(table, 0.3), options(tmp_path / "out"), quiet)
    whole = tree(tmp_path / "out")
    meet.wait(120)  # its record
    meet.wait(120)  # its index
    assert ended(both, 300) == [0]
    assert tree(tmp_path / "out") == {name: digest for name, digest in whole.items() if not name.endswith(".part")}


COMMAND = "from asap_training import prepare; prepare.main()"


def command(table: Path, out: Path, *more: str) -> list[str]:
    arguments = ["--table", str(table), "--out", str(out), "--weights", "asap-test", "--valid-share", "0.3"]
    return [sys.executable, "-c", COMMAND, *arguments, "--spacing", *map(str, TEST_SPACING), *more]


def kill_until_done(table: Path, out: Path, kills: int, per_kill: int, seed: int) -> None:
    """Start the command and kill it at a random moment after some more cases, `kills` times; then let it finish.

    Fewer times where a busy machine let it finish first.
    """
    rng = random.Random(seed)
    done = killed = 0
    for _ in range(kills):
        child = subprocess.Popen(command(table, out), stderr=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while child.poll() is None and time.monotonic() < until:
            here = len(list((out / "cases").rglob("*.json"))) if (out / "cases").exists() else 0
            if here >= done + per_kill:
                done = here
                time.sleep(rng.uniform(0, 0.02))
                break
            time.sleep(0.001)
        child.kill()
        killed += child.wait() == -signal.SIGKILL
    assert killed
    assert subprocess.run(command(table, out), stderr=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_random_moments_it_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    table = write_table(tmp_path / "raw", 40)
    prepare(plain_cases(table, 0.3), options(tmp_path / "whole"), quiet)
    kill_until_done(table, tmp_path / "killed", kills=3, per_kill=6, seed=1)
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_killed_fifty_times_over_500_volumes(tmp_path: Path) -> None:
    table = write_table(tmp_path / "raw", 500)
    prepare(plain_cases(table, 0.3), options(tmp_path / "whole"), quiet)
    kill_until_done(table, tmp_path / "killed", kills=50, per_kill=8, seed=2)
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")


PRESSES_AT_THE_FOURTH = """
import os, pathlib, signal, time
count = 0
while True:
    try:
        (pathlib.Path({counted!r}) / str(count)).touch(exist_ok=False)
        break
    except FileExistsError:
        count += 1
if count == 3:
    os.killpg(0, signal.SIGINT)
    time.sleep(600)
shutil.copy({organs!r}, a.o)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_several_processes_that_ctrl_c_stops_give_the_same_bytes(tmp_path: Path) -> None:
    """The signal comes to every process of a terminal while a program segments; the program ends, and no case is to blame."""
    table, organs = write_table(tmp_path / "raw", 6), tmp_path / "organs.nii"
    write_nifti(organs, np.ones(chest().shape, np.uint8), chest().affine)
    (tmp_path / "counted").mkdir()
    run = recorded(tmp_path, PRESSES_AT_THE_FOURTH.format(counted=str(tmp_path / "counted"), organs=str(organs)))
    together = command(table, tmp_path / "two", "--processes", "2", "--organs", "totalsegmentator", "--totalsegmentator", run)
    stopped = subprocess.run(together, check=False, capture_output=True, text=True, start_new_session=True)
    assert stopped.returncode == 143, stopped.stderr
    assert stopped.stderr.splitlines()[-1].endswith("; the same command goes on from there.")
    assert len(list((tmp_path / "two" / "cases").rglob("*.json"))) >= 2
    for out in (tmp_path / "two", tmp_path / "one"):
        assert prepare(plain_cases(table, 0.3), options(out, OrganSettings("totalsegmentator", command=run)), quiet)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


@pytest.mark.slow
def test_bad_use_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    table = write_table(tmp_path / "raw", 1)
    run = subprocess.run(
        command(table, tmp_path / "out", "--organs", "totalsegmentator", "--totalsegmentator", "not-there"),
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "not found" in run.stderr
    assert shutil.which("not-there") is None
