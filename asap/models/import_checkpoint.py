"""Import of a published `.pth` (ASAP, SimCroP; MAE, CXR-BERT to start from): the only file that opens a pickle (rule R1).

It does so with `weights_only=True` in a child process that has no network, limited memory and processor time, and an audit
hook that ends any attempt to start a program or open a socket. The parent trusts nothing of the child: it reads the written
weights back and verifies them. Run as a program (`python -m asap.models.import_checkpoint`), this module is the child.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import pickle
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asap.errors import AsapError, WeightsError
from asap.limits import CONVERTER_CPU_S, CONVERTER_MEMORY_BYTES, MAX_WEIGHTS_BYTES
from asap.models.config import AsapConfig
from asap.models.manifest import sha256_of

OLDEST_TORCH = (2, 10)
PICKLES = (".pth", ".pt", ".bin")
SHOWN_NAMES = 50
FORBIDDEN_EVENTS = (
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "subprocess.",
    "pty.",
    "socket.",
)
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
LICENCE_NOTE = "that of the imported checkpoint and of its text encoder; ask their authors"


@dataclass(frozen=True)
class ImportReport:
    """What became of a checkpoint's entries (terms of `checkpoint_convert.Converted`).

    counts: number of entries used, training, dead, unexpected, supplied, filled; the tuples hold at most 50 names each.
    """

    weights_sha256: str
    checkpoint_sha256: str
    counts: Mapping[str, int]
    dead: tuple[str, ...]
    unexpected: tuple[str, ...]
    supplied: tuple[str, ...]
    filled: tuple[str, ...]


def import_checkpoint(
    pth: Path,
    tokenizer: Path,
    text_encoder: Path | None,
    out: Path,
    *,
    config: AsapConfig | None = None,
    name: str = "asap-base",
    dtype: str = "bfloat16",
) -> ImportReport:
    """Convert a published checkpoint into the weights folder `out` and verify the result.

    tokenizer: the WordPiece JSON file. text_encoder: folder with `model.safetensors` or `pytorch_model.bin` of the BERT, needed
    when the checkpoint carries none. dtype: "bfloat16" or "float32" for matrices. Raises WeightsError with the reason; what
    `out` held before is then intact.
    """
    from asap.models.weights import read_weights  # noqa: PLC0415 - the child sets its limits before torch is imported
    from asap.models.wordpiece import WordPiece  # noqa: PLC0415

    config = config or AsapConfig()
    if not pth.is_file() or not 0 < pth.stat().st_size <= MAX_WEIGHTS_BYTES:
        raise WeightsError("The checkpoint is not a file, or is larger than any published one.")
    if WordPiece.from_file(tokenizer).vocabulary_size > config.text.vocab:
        raise WeightsError("The tokenizer has more tokens than the model knows.")
    digest = sha256_of(pth)
    order = {
        "pth": str(pth.resolve()),
        "tokenizer": str(tokenizer.resolve()),
        "text_encoder": None if text_encoder is None else str(text_encoder.resolve()),
        "out": str(out.resolve()),
        "config": config.to_json(),
        "name": name,
        "dtype": dtype,
        "source": f"imported from a published checkpoint, sha256 {digest}",
    }
    answer = _ask_child(order)
    if answer.get("weights_sha256") != read_weights(out).manifest.weights_sha256:
        raise WeightsError("The converted weights are not those the conversion reported.")
    return ImportReport(
        weights_sha256=answer["weights_sha256"],
        checkpoint_sha256=digest,
        counts={str(key): int(value) for key, value in answer["counts"].items()},
        **{key: tuple(str(n) for n in answer[key]) for key in ("dead", "unexpected", "supplied", "filled")},
    )


def read_foreign(path: Path) -> dict[str, Any]:
    """The tensors of somebody else's weights by name: a safetensors file, a `.pth` or `.bin`, or the folder of a text encoder.

    What is not safetensors is opened by the confined child alone, which hands its tensors over as safetensors. Raises
    WeightsError.
    """
    from safetensors import SafetensorError  # noqa: PLC0415 - the child sets its limits before torch is imported
    from safetensors.torch import load, load_file  # noqa: PLC0415

    file = _model_file(path) if path.is_dir() else path
    if not file.is_file() or not 0 < file.stat().st_size <= MAX_WEIGHTS_BYTES:
        raise WeightsError("The weights to start from are not a file, or are larger than any published ones.")
    try:
        if file.suffix not in PICKLES:
            return dict(load_file(file))
        with tempfile.TemporaryDirectory(prefix="asap-weights-") as folder:
            handed = Path(folder, "tensors.safetensors")
            _ask_child({"read": str(file.resolve()), "out": str(handed)})
            return dict(load(handed.read_bytes()))
    except (OSError, SafetensorError) as error:
        raise WeightsError("A file of weights to start from cannot be read as safetensors.") from error


def _ask_child(order: Mapping[str, Any]) -> dict[str, Any]:
    """Run this module as a program; its last line is the answer."""
    command = [sys.executable, "-I", "-m", "asap.models.import_checkpoint"]
    try:
        done = subprocess.run(
            command, input=json.dumps(order).encode(), capture_output=True, timeout=2 * CONVERTER_CPU_S, check=False, env={}
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError("The conversion took too long and was ended.") from error
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise WeightsError("The conversion ended without a result: the checkpoint is damaged or exceeds the limits.") from error
    if not isinstance(answer, dict) or "refused" in answer:
        raise WeightsError(str(answer["refused"])[:500] if isinstance(answer, dict) else "The conversion gave no result.")
    return answer


# ---- the child -----------------------------------------------------------------------------------------------------------


def main() -> None:
    """Read the order from standard input, convert, answer with one line of JSON on standard output."""
    order = json.loads(sys.stdin.buffer.read())
    confine()
    try:
        answer = _convert(order) if "pth" in order else _hand_over(order)
    except AsapError as error:
        answer = {"refused": str(error)}
    except MemoryError:
        answer = {"refused": "The checkpoint needs more memory than the conversion may use."}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


def confine() -> None:
    """Give up the network and most resources. A system without namespaces leaves that part to the audit hook."""
    if sys.platform != "linux":
        return
    import resource  # noqa: PLC0415 - not on Windows

    system = ctypes.CDLL(None, use_errno=True)
    if system.unshare(CLONE_NEWNET) != 0:  # needs a privilege that a user namespace of one's own gives
        system.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    for limit, value in (
        (resource.RLIMIT_AS, CONVERTER_MEMORY_BYTES),
        (resource.RLIMIT_CPU, CONVERTER_CPU_S),
        (resource.RLIMIT_FSIZE, MAX_WEIGHTS_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def forbid_programs_and_sockets() -> None:
    """From now on, starting a program or touching a socket ends in PermissionError in this process."""

    def refuse(event: str, _: tuple[object, ...]) -> None:
        if event.startswith(FORBIDDEN_EVENTS):
            raise PermissionError(f"{event} is not allowed while a checkpoint is read")

    sys.addaudithook(refuse)


def read_entries(path: Path) -> dict[str, Any]:
    """The tensors of a `.pth`, by name. WeightsError unless it is a zip-format file of tensors and plain values only."""
    import torch  # noqa: PLC0415 - after the limits are set

    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if version < OLDEST_TORCH:
        raise WeightsError("Importing needs PyTorch 2.10 or newer: older ones can be tricked by a hostile checkpoint.")
    if not zipfile.is_zipfile(path):
        raise WeightsError("This is not a PyTorch checkpoint of the zip format (PyTorch 1.6 or newer).")
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except MemoryError:
        raise
    except (pickle.UnpicklingError, PermissionError) as error:
        raise WeightsError(
            "The checkpoint holds something else than tensors and plain values and was refused; nothing in it was run."
        ) from error
    except Exception as error:  # a damaged pickle can end in any exception; none of them may pass as success
        raise WeightsError("The checkpoint is damaged or is not a PyTorch checkpoint.") from error
    state = loaded.get("model", loaded) if isinstance(loaded, dict) else None
    tensors = isinstance(state, dict) and all(isinstance(n, str) and isinstance(v, torch.Tensor) for n, v in state.items())
    if not isinstance(state, dict) or not state or not tensors:
        raise WeightsError("The checkpoint has no table of named tensors under 'model'.")
    return state


def _hand_over(order: Mapping[str, Any]) -> dict[str, Any]:
    """Write the tensors of a pickle as safetensors."""
    from safetensors.torch import save_file  # noqa: PLC0415 - imports torch, which may start programs

    forbid_programs_and_sockets()
    entries = read_entries(Path(order["read"]))
    save_file({name: value.detach().clone().contiguous() for name, value in entries.items()}, order["out"])
    return {"tensors": len(entries)}


def _model_file(folder: Path) -> Path:
    """The file of weights in a text encoder's folder."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return folder / name
    raise WeightsError("The text encoder's folder has neither model.safetensors nor pytorch_model.bin.")


def _read_text_encoder(folder: Path) -> dict[str, Any]:
    from safetensors import SafetensorError  # noqa: PLC0415
    from safetensors.torch import load_file  # noqa: PLC0415

    path = _model_file(folder)
    if path.suffix in PICKLES:
        return read_entries(path)
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise WeightsError("The text encoder's model.safetensors is damaged.") from error


def _convert(order: Mapping[str, Any]) -> dict[str, Any]:
    import torch  # noqa: PLC0415

    from asap.models.checkpoint_convert import convert  # noqa: PLC0415
    from asap.models.weights import write_weights  # noqa: PLC0415

    forbid_programs_and_sockets()
    config = AsapConfig.from_json(order["config"])
    dtype = {"bfloat16": torch.bfloat16, "float32": torch.float32}.get(order["dtype"])
    if dtype is None:
        raise WeightsError("Weights are stored as bfloat16 or float32.")
    text_state = None if order["text_encoder"] is None else _read_text_encoder(Path(order["text_encoder"]))
    converted = convert(read_entries(Path(order["pth"])), text_state, config, dtype)
    manifest = write_weights(
        Path(order["out"]),
        converted.tensors,
        name=order["name"],
        architecture="asap",
        config=config.to_json(),
        source=order["source"],
        licence=LICENCE_NOTE,
        tokenizer_json=Path(order["tokenizer"]).read_text(encoding="utf-8"),
        training=converted.training,
    )
    lists = {key: getattr(converted, key) for key in ("dead", "unexpected", "supplied", "filled")}
    counts = {"used": len(converted.used), "training": len(converted.training), **{k: len(v) for k, v in lists.items()}}
    shown = {key: [_printable(name) for name in names[:SHOWN_NAMES]] for key, names in lists.items()}
    return {"weights_sha256": manifest.weights_sha256, "counts": counts, **shown}


def _printable(name: str) -> str:
    """A name from a foreign file, safe to show."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in name[:100])


if __name__ == "__main__":
    main()
