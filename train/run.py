"""The whole recipe: text, training, choice of t, the files of notebooks/models. What `npm run train` calls.

    python3 train/run.py [--seed 1] [--data train/data] [--runs train/runs] [--out notebooks/models]

A little over an hour on two busy cores. Finished parts are skipped, and an interrupted training stage continues from its last
checkpoint. To start over, remove the two folders (or name others).
"""

import env

env.enter()

import argparse  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import corpus  # noqa: E402
import report  # noqa: E402

HERE = Path(__file__).resolve().parent
TOKENS = 7_500_000  # more than the stages read; the held-out texts depend on it too, since none of them may be among these


def train(stages, a, threads):
    """Start train.py on some stages in a process of its own."""
    command = [sys.executable, HERE / "train.py", a.data, a.runs, *stages, "--seed", str(a.seed), "--threads", str(threads)]
    return subprocess.Popen([str(x) for x in command], env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"})


def finish(*processes):
    try:
        failed = [p for p in processes if p.wait() != 0]
    except KeyboardInterrupt:
        for p in processes:
            p.terminate()
        raise SystemExit("train: stopped; the same command goes on from the last checkpoints") from None
    if failed:
        raise SystemExit(f"train: {' '.join(failed[0].args[1:])} ended with {failed[0].returncode}")


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--data", type=Path, default=HERE / "data")
    a.add_argument("--runs", type=Path, default=HERE / "runs")
    a.add_argument("--out", type=Path, default=HERE.parent / "notebooks" / "models")
    a = a.parse_args()
    a.runs.mkdir(parents=True, exist_ok=True)
    cores = len(os.sched_getaffinity(0))
    if not (a.data / "questions.jsonl").exists():  # the last file that the corpus writes
        corpus.write(a.data, TOKENS, seed=a.seed)
    finish(train(["trunk"], a, cores))
    if cores > 1:  # the branches are independent: two processes of half the cores are faster than one of all
        finish(*(train(stages, a, cores // 2) for stages in report.STAGES.values()))
    else:
        finish(train(sum(report.STAGES.values(), []), a, 1))
    report.write(a.data, a.runs, a.out, a.seed)


if __name__ == "__main__":
    main()
