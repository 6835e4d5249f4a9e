"""First heatmap of a case in the server's datastore, then click after click through HTTP, and what the server's memory is.

The real server with `asap-base` (formula-made weights, bfloat16) and cases of 512 x 512 x 300 as .nii.gz, each seen for the first
time; the server is warm. Measured at the client, from `open_datastore_study` and from `ground`.
Run: python -m tests.benchmarks.server_click [--clicks 200] [--cases 5]      (needs ASAP_REFERENCE_DATA for the tokenizer)
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from asap.client import AsapClient
from tests.benchmarks.clinical_case import base_server, new_sentence, percentiles, timed, write_case
from tests.soak.process import held

WARM_UP = 10
REPORT_SENTENCES = 16


def first_heatmap(client: AsapClient, name: str) -> tuple[str, dict[str, float]]:
    """Open a case and ask a first sentence; the study, and the seconds by stage with their sum as "all"."""
    began: list[tuple[float, str]] = []
    start = time.perf_counter()
    study = client.open_datastore_study(name)
    answer = client.ground(
        study, sentences=["The heart is enlarged."], progress=lambda told: began.append((time.perf_counter(), told.stage))
    )
    end = time.perf_counter()
    assert answer.sentences[0].map is not None
    stages: dict[str, float] = {"all": end - start}
    for (at, stage), (until, _) in zip(began, [*began[1:], (end, "")], strict=True):
        stages[stage] = stages.get(stage, 0.0) + until - at
    return study, stages


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=200)
    parser.add_argument("--cases", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        studies = Path(folder) / "studies"
        studies.mkdir()
        for number in range(options.cases + 1):
            write_case(studies, f"case{number}", 10 + number)
        size = (studies / "case1.nii.gz").stat().st_size / 1e6
        with base_server(Path(folder), studies) as server:
            client = AsapClient(server.url, server.token)
            bare = held(server.pid).rss_mb
            study, _ = first_heatmap(client, "case0")  # warms up
            client.close_study(study)
            one = 0.0
            print(f"512 x 512 x 300 .nii.gz ({size:.0f} MB) in the datastore -> first heatmap, warm server")
            runs = []
            for number in range(1, options.cases + 1):
                study, stages = first_heatmap(client, f"case{number}")
                runs.append(stages)
                one = one or held(server.pid).rss_mb
                print("  " + "  ".join(f"{name} {seconds:.2f}" for name, seconds in stages.items()), flush=True)
            print(f"  best of {options.cases}: {min(run['all'] for run in runs):.2f} s   (bar 3)")
            many = held(server.pid).rss_mb
            clicks(client, study, options.clicks)
            print(f"memory of the server: started {bare:.0f} MB, one case {one:.0f} MB (bar 2000 beside MONAI Label's own),")
            print(f"  each further case {(many - one) / max(1, options.cases - 1):+.1f} MB (bar 9)")
            client.close()


def clicks(client: AsapClient, study: str, count: int) -> None:
    """Clicks of sentences never seen, the same again, and whole reports."""
    print("click -> answer, case encoded, through the server")
    for number in range(WARM_UP):
        client.ground(study, sentences=[new_sentence(9000 + number)])
    for name, bar in (("new sentence", "bar p95 150 drawn"), ("seen sentence", "bar p95 100 drawn")):
        times = [timed(client.ground, study, sentences=[new_sentence(number)]) for number in range(count)]
        print(percentiles(name, times, bar), flush=True)
    reports = [[new_sentence(20_000 + 100 * turn + n) for n in range(REPORT_SENTENCES)] for turn in range(5)]
    best = min(timed(client.ground, study, sentences=report) for report in reports)
    print(f"  report of {REPORT_SENTENCES} new sentences, best of 5 {1000 * best:7.1f} ms   (bar 320)")


if __name__ == "__main__":
    main()
