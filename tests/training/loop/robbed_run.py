"""The entry of pre-training, robbed of a process; run by torchrun. The moment is a step of the run, not a time.

In the first start rank 0 is killed in the middle of a file of a checkpoint; in the second nothing happens.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from asap_training import pretrain
from asap_training.loop import run_checkpoint

STEPS, SAVE_EVERY = 6, 2
DIES_SAVING = 4  # so that the checkpoint of step 2 is the newest whole one


def write_durably(path: Path, data: bytes) -> None:
    """What writes a checkpoint's files; the last thing rank 0 does in the first start, half done."""
    if path.parent.name.startswith(f".run-{DIES_SAVING:08d}") and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        whole_write(path, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    whole_write(path, data)


if __name__ == "__main__":
    whole_write, run_checkpoint._write_durably = run_checkpoint._write_durably, write_durably
    pretrain.main()
