"""A script for any Python from 3.11: the client, found as the package named on the command line, against the scripted server.

Run: python -I alone.py FOLDER_OF_THE_PACKAGE NAME FOLDER_OF_THIS_FILE. Prints the modules that are not of the standard library.
"""

from __future__ import annotations

import importlib
import sys


def main(folder: str, name: str, tests: str) -> None:
    """Every method once, and a fault."""
    known = {module.split(".")[0] for module in sys.modules} | {name.split(".", maxsplit=1)[0], "scripted"}
    sys.path[:0] = [folder, tests]
    client_module = importlib.import_module(name)
    scripted = importlib.import_module("scripted")
    affine = [[3.0, 0, 0, 0], [0, 3.0, 0, 0], [0, 0, 3.0, 0], [0, 0, 0, 1]]
    with scripted.Scripted() as server:
        client = client_module.AsapClient(server.url, scripted.TOKEN)
        check(client.health() and client.info().protocol == 1)
        study = client.open_study(bytes(2 * 4 * 5 * 6), (4, 5, 6), affine)
        told: list[str] = []
        answer = client.ground(study, report="Nodule.", progress=lambda progress: told.append(progress.stage))
        check(answer.sentences[0].map.heat()[5] > 0.89 and "encoding the volume" in told)
        check(client.encode(study).identity == "cd" * 32)
        check(client.study(study).state == "ready" and len(client.datastore_images()) == 2)
        server.play("GET .*/info", scripted.Play((), after="reset"), scripted.html(502))
        try:
            client.info()
            check(False)
        except client_module.ProxyError as error:
            check("502" in str(error))
        client.close_study(study)
        client.close()
    foreign = {module.split(".")[0] for module in sys.modules} - set(sys.stdlib_module_names) - known
    sys.stdout.write(" ".join(sorted(foreign)))


def check(holds: bool) -> None:
    """As assert, but never switched off."""
    if not holds:
        raise SystemExit("a check failed")


if __name__ == "__main__":
    main(*sys.argv[1:4])
