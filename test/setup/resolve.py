"""Resolves scripts/requirements.txt with scripts/constraints.txt as pip would on another Python, without installing anything.

    resolve.py 3.10.0 3.11.0 ...

Prints JSON: for each version the packages {name: version}, or {"error": what pip said}. pip's own --python-version chooses the
files, but evaluates markers (`; python_full_version < "3.11.5"`) for the Python that runs it; so they are told the other
version, too. This reaches into pip, which is why requirements.txt pins it.
"""

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

from pip._internal.cli.main import main as pip
from pip._vendor.packaging import markers

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "scripts"
own_environment = markers.default_environment


def resolve(version: str) -> dict:
    """What pip would install on Python `version`."""
    minor = ".".join(version.split(".")[:2])
    markers.default_environment = lambda: {
        **own_environment(),
        "python_full_version": version,
        "python_version": minor,
        "implementation_version": version,
    }
    files = ["-r", str(SCRIPTS / "requirements.txt"), "-c", str(SCRIPTS / "constraints.txt")]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["--dry-run", "--ignore-installed", "--only-binary=:all:", f"--python-version={version}"]
        options += ["--target", folder, "--report", str(report), "--quiet", "--disable-pip-version-check", "--no-input"]
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            code = pip(["install", *options, *files])
        if code != 0:
            return {"error": said.getvalue()}
        metadata = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    return {item["name"].lower().replace("_", "-").replace(".", "-"): item["version"] for item in metadata}


print(json.dumps({version: resolve(version) for version in sys.argv[1:]}))
