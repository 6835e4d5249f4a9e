"""A published checkpoint comes in complete and verified; a hostile one runs nothing."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from asap.errors import WeightsError
from asap.models.asap import Asap
from asap.models.catalog import TEST_CONFIG, TEST_WORDS
from asap.models.checkpoint_convert import convert
from asap.models.checkpoint_names import fate, sources
from asap.models.config import AsapConfig
from asap.models.import_checkpoint import import_checkpoint
from asap.models.load import LoadedAsap, load_model
from asap.models.positions import sincos_positions
from asap.models.weights import read_weights
from asap.models.wordpiece import WordPiece
from tests.models.formula import formula_checkpoint
from tests.reference import reference_data

TOP_LEVEL_DEAD = {
    "bert_topk_mlp.weight": [4, 4],
    "decoder_pos_embed": [1, 2745, 48],
    "bert_decoder.bert.pooler.dense.weight": [4, 4],
}
TRAINING = {"mask_token": [1, 1, 48], "decoder_injection_pred_norm.weight": [9], "bert_mlp.bias": [48]}


def tiny_shapes() -> dict[str, list[int]]:
    """Published names with the sizes of the test model, some of them for training, some dead."""
    config = TEST_CONFIG
    with torch.device("meta"):
        ours = {name: list(value.shape) for name, value in Asap(config).state_dict().items()}
    shapes = {"pos_embed": [1, 2745, config.encoder.width]}
    for name, theirs in sources(config).items():
        shape = ours[name]
        if name == "image_encoder.patch_embed.proj.weight":
            shape = [shape[0], 1, *config.encoder.patch]
        for entry in theirs:
            shapes[entry] = [shape[0] // len(theirs), *shape[1:]]
    return shapes | TRAINING | TOP_LEVEL_DEAD


def save_checkpoint(path: Path, state: dict[str, Any], **extra: Any) -> Path:
    args = argparse.Namespace(lr=1.5e-4, output_dir="out", world_size=4)
    torch.save({"model": state, "epoch": 3, "args": args, "scaler": {"scale": 65536.0}, **extra}, path)
    return path


def save_tokenizer(path: Path) -> Path:
    path.write_text(WordPiece.from_vocabulary(TEST_WORDS).to_json())
    return path


def test_every_name_of_the_release_has_a_fate() -> None:
    shapes = json.loads(reference_data("parity/asap_state_dict_shapes.json").read_text())
    fates = {name: fate(name) for name in shapes}
    assert len(fates) == 584 and None not in fates.values()
    needed = {name for names in sources(AsapConfig()).values() for name in names} | {"pos_embed"}
    assert {name for name, what in fates.items() if what == "used"} == needed
    assert fate("blocks_extra.weight") is None and fate("normal.weight") is None


@pytest.mark.slow
def test_round_trip_through_the_child(tmp_path: Path) -> None:
    state = formula_checkpoint(tiny_shapes())
    prefixed = {f"module.{name}": value for name, value in state.items()} | {"module.unknown_head.weight": torch.ones(2)}
    pth = save_checkpoint(tmp_path / "ASAP.pth", prefixed)
    out = tmp_path / "weights" / "mine"
    report = import_checkpoint(
        pth, save_tokenizer(tmp_path / "t.json"), None, out, config=TEST_CONFIG, name="mine", dtype="float32"
    )
    assert report.counts["used"] + report.counts["training"] + report.counts["dead"] == len(state)
    assert set(report.dead) == set(TOP_LEVEL_DEAD) and report.unexpected == ("unknown_head.weight",)
    assert report.counts["training"] == len(TRAINING) and report.supplied == report.filled == ()
    loaded = load_model(out, torch.float32)
    assert isinstance(loaded, LoadedAsap) and loaded.weights_sha256 == report.weights_sha256
    weight = state["patch_embed.proj.weight"]
    volume = torch.randn(1, 1, *TEST_CONFIG.encoder.volume_shape, generator=torch.Generator().manual_seed(1))
    convolved = torch.nn.functional.conv3d(volume, weight, state["patch_embed.proj.bias"], stride=TEST_CONFIG.encoder.patch)
    tokens = convolved.flatten(2).transpose(1, 2)
    vit = loaded.model.image_encoder
    patches = volume.unfold(2, 8, 8).unfold(3, 8, 8).unfold(4, 4, 4).reshape(1, 2744, 256)
    torch.testing.assert_close(vit.patch_embed(patches), tokens, atol=1e-5, rtol=1e-5)
    layer = "bert_encoder.bert.encoder.layer.1.attention.self."
    width = TEST_CONFIG.text.width
    fused = loaded.model.text_encoder.layers[1].attn.qkv.weight  # type: ignore[union-attr]
    torch.testing.assert_close(fused[width : 2 * width], state[layer + "key.weight"], atol=0, rtol=0)


@pytest.mark.slow
def test_text_encoder_from_its_own_folder_and_fixed_k(tmp_path: Path) -> None:
    state = formula_checkpoint(tiny_shapes())
    bert = {n.removeprefix("bert_encoder."): v for n, v in state.items() if n.startswith("bert_encoder.")}
    rest = {n: v for n, v in state.items() if not n.startswith(("bert_encoder.", "regression_head."))}
    folder = tmp_path / "bert"
    folder.mkdir()
    torch.save(bert, folder / "pytorch_model.bin")
    pth = save_checkpoint(tmp_path / "SimCroP.pth", rest)
    tokenizer = save_tokenizer(tmp_path / "t.json")
    out = tmp_path / "w"
    with pytest.raises(WeightsError, match="text encoder"):
        import_checkpoint(pth, tokenizer, None, out, config=TEST_CONFIG)
    report = import_checkpoint(pth, tokenizer, folder, out, config=TEST_CONFIG)
    assert report.filled == ("regression_head.weight", "regression_head.bias") and report.counts["supplied"] == len(bert)
    loaded = load_model(out)
    assert isinstance(loaded, LoadedAsap)
    assert loaded.model.adaptive_k(torch.randn(1, 3, TEST_CONFIG.projection)).tolist() == [[32, 32, 32]]


@pytest.mark.parametrize("broken", ["missing", "shape", "nan", "positions", "sparse"])
def test_a_checkpoint_that_does_not_fit_is_refused(broken: str) -> None:
    state = formula_checkpoint(tiny_shapes())
    convert(state, None, TEST_CONFIG, torch.bfloat16)
    if broken == "missing":
        del state["blocks.1.attn.qkv.bias"]
    elif broken == "shape":
        state["align_text_mlp.dense_to_output.weight"] = torch.zeros(40, 39)
    elif broken == "nan":
        state["norm.weight"][3] = float("nan")
    elif broken == "positions":
        state["pos_embed"] = sincos_positions((14, 14, 14), 48).flip(1)
    else:
        state["norm.bias"] = torch.zeros(48).to_sparse()
    with pytest.raises(WeightsError):
        convert(state, None, TEST_CONFIG, torch.bfloat16)


class Gadget:
    """Pickles as a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


def gadgets(flag: Path) -> dict[str, Any]:
    """Objects whose unpickling would create `flag` (or reach for a way to)."""
    touch, python = f"touch {flag}", f"open({str(flag)!r}, 'w').close()"
    import builtins
    import importlib
    import operator
    import runpy
    import shutil

    namespace = argparse.Namespace(hidden=Gadget(os.system, touch))
    return {
        "os.system": Gadget(os.system, touch),
        "eval": Gadget(builtins.eval, python),
        "exec": Gadget(builtins.exec, python),
        "open": Gadget(open, str(flag), "w"),
        "popen": Gadget(subprocess.Popen, ["touch", str(flag)]),
        "check_output": Gadget(subprocess.check_output, ["touch", str(flag)]),
        "import": Gadget(importlib.import_module, "antigravity"),
        "runpy": Gadget(runpy.run_path, str(flag)),
        "getattr": Gadget(getattr, "text", "upper"),
        "map": Gadget(map, os.system, [touch]),
        "operator": Gadget(operator.methodcaller, "system", touch),
        "copy": Gadget(shutil.copy, "/etc/hostname", str(flag)),
        "mkdir": Gadget(os.mkdir, str(flag)),
        "torch.load": Gadget(torch.load, str(flag)),
        "hub": Gadget(torch.hub.load, "a/b", "c"),
        "pickle.loads": Gadget(pickle.loads, pickle.dumps(Gadget(os.system, touch))),
        "nested": {"a": [{"b": (1, [Gadget(os.system, touch)])}]},
        "in namespace": namespace,
        "compile": Gadget(compile, python, "x", "exec"),
        "posix exec": Gadget(os.execv, "/bin/sh", ["sh", "-c", touch]),
    }


REFUSE_ALL = """
import sys, json
from pathlib import Path
from asap.errors import WeightsError
from asap.models.import_checkpoint import forbid_programs_and_sockets, read_entries
import torch
forbid_programs_and_sockets()
refused = []
for path in sorted(Path(sys.argv[1]).glob("*.pth")):
    try:
        read_entries(path)
    except WeightsError as error:
        refused.append([path.name, str(error)])
print(json.dumps(refused))
"""


@pytest.mark.slow
def test_hostile_pickles_run_nothing(tmp_path: Path) -> None:
    flag, control = tmp_path / "executed", tmp_path / "control"
    pickle.loads(pickle.dumps(Gadget(os.system, f"touch {control}")))
    assert control.exists(), "the gadget must work where nothing guards"
    made = gadgets(flag)
    for number, gadget in enumerate(made.values()):
        for place in ("args", "model"):
            path = tmp_path / f"{number:02d}-{place}.pth"
            torch.save({"model": {"cls_token": torch.ones(2)}, "args": None} | {place: gadget}, path)
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Gadget(os.system, f"touch {flag}")))
    torch.save({"a": Gadget(os.system, f"touch {flag}")}, tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    done = subprocess.run([sys.executable, "-c", REFUSE_ALL, str(tmp_path)], capture_output=True, check=True, timeout=120)
    refused = json.loads(done.stdout.splitlines()[-1])
    assert len(refused) == 2 * len(made) + 2
    assert not flag.exists()
    assert all(str(tmp_path) not in sentence for _, sentence in refused)


@pytest.mark.slow
def test_a_hostile_checkpoint_is_refused_with_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    flag = tmp_path / "executed"
    pth = save_checkpoint(tmp_path / "evil.pth", formula_checkpoint(tiny_shapes()), optimizer=Gadget(os.system, f"touch {flag}"))
    out = tmp_path / "w"
    with pytest.raises(WeightsError, match="nothing in it was run"):
        import_checkpoint(pth, save_tokenizer(tmp_path / "t.json"), None, out, config=TEST_CONFIG)
    assert not flag.exists() and not out.exists()


@pytest.mark.slow
def test_the_confined_child_has_no_network_and_starts_no_program() -> None:
    script = """
from asap.models.import_checkpoint import confine, forbid_programs_and_sockets
confine(); forbid_programs_and_sockets()
import os, socket, subprocess
for attempt in (lambda: os.system("true"), lambda: subprocess.run(["true"]), lambda: socket.socket(), os.fork):
    try:
        attempt()
    except PermissionError:
        print("refused")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True, timeout=60)
    assert done.stdout.split() == ["refused"] * 4


@pytest.mark.slow
def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    pth = save_checkpoint(tmp_path / "a.pth", formula_checkpoint(tiny_shapes()))
    data = pth.read_bytes()
    pth.write_bytes(data[: len(data) // 2])
    with pytest.raises(WeightsError):
        import_checkpoint(pth, save_tokenizer(tmp_path / "t.json"), None, tmp_path / "w", config=TEST_CONFIG)
    with zipfile.ZipFile(pth, "w") as archive:
        archive.writestr("archive/data.pkl", b"garbage")
    with pytest.raises(WeightsError):
        import_checkpoint(pth, save_tokenizer(tmp_path / "t.json"), None, tmp_path / "w", config=TEST_CONFIG)


@pytest.mark.long
def test_the_whole_release_by_its_shapes(tmp_path: Path) -> None:
    shapes = json.loads(reference_data("parity/asap_state_dict_shapes.json").read_text())
    pth = save_checkpoint(tmp_path / "ASAP.pth", formula_checkpoint(shapes))
    report = import_checkpoint(pth, reference_data("parity/cxrbert_wordpiece.json"), None, tmp_path / "w")
    assert (report.counts["used"], report.counts["training"], report.counts["dead"]) == (361, 200, 23)
    assert report.unexpected == () and report.filled == ()
    assert read_weights(tmp_path / "w").manifest.name == "asap-base"
