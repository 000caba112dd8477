"""The Python environment of the training code: train/.venv with the pinned requirements.txt, made when it is missing.

    python3 train/env.py               create or update it, print its path
    python3 train/env.py -m pytest     run something in it, in the folder train/

It is separate from the lab's own environment, because PyTorch is large (about 5.5 GB with the libraries it brings).
Only the standard library is used here: other scripts call `enter()` before they import anything else.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = HERE / ".venv"
PYTHON = HOME / "bin" / "python"
WANTED = HERE / "requirements.txt"
STAMP = HOME / "requirements.sha256"  # which requirements the environment was made from


def ensure():
    """-> the path of the environment's python; installs only when requirements.txt has changed"""
    digest = hashlib.sha256(WANTED.read_bytes()).hexdigest()
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == digest:
        return PYTHON
    print("train: making the environment train/.venv (PyTorch, about 5.5 GB on disk)", flush=True)
    try:
        if not PYTHON.exists():
            venv.create(HOME, with_pip=True)
        subprocess.run([PYTHON, "-m", "pip", "install", "-q", "-r", WANTED], check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        hint = "on Debian the package python3-venv may be missing"
        raise SystemExit(f"train: the environment could not be made ({error}); {hint}") from error
    STAMP.write_text(digest)
    return PYTHON


def enter():
    """Restart the running script with the environment's python, unless it already runs there."""
    if Path(sys.prefix).resolve() != HOME.resolve():
        python = ensure()
        os.execv(python, [str(python), *sys.argv])


if __name__ == "__main__":
    python = ensure()
    if sys.argv[1:]:
        raise SystemExit(subprocess.run([python, *sys.argv[1:]], cwd=HERE).returncode)
    print(python)
