"""Runs notebooks with the real kernel through nbclient, as Run All does, and says what is wrong with what came out.

    run.py                      every notebook of notebooks/; the executed copies go to test/output/
    run.py --save               the same, and writes the outputs back into the notebooks that have no problem
    run.py some.ipynb ...       these only

Prints one line for each notebook and ends with 1 when one of them has a problem. `--json` prints the findings as JSON instead.
It is meant for the Python environment that set-up brings (.venv), which has nbclient and the kernelspec.
"""

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent.parent
# No cell may take longer on two cores, so that a course can run it live.
CELL_SECONDS = 50


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--save", action="store_true", help="write the outputs back into the notebooks")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--cell-seconds", type=int, default=CELL_SECONDS, help="the most that a cell may take")
    options = parser.parse_args()

    paths = options.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb"))
    findings = [run(path.resolve(), options.save, options.cell_seconds) for path in paths]
    if options.json:
        print(json.dumps(findings))
    else:
        for finding in findings:
            print(line(finding))
    return 1 if any(finding["problems"] for finding in findings) else 0


def run(path: Path, save: bool, cell_seconds: int) -> dict:
    """Executes one notebook in its own folder. The findings: cells, seconds, figures, problems."""
    notebook = nbformat.read(path, as_version=4)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        kernel_name=notebook.metadata.kernelspec.name,
        timeout=6 * cell_seconds,
        record_timing=True,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    problems = []
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        problems.append(f"{type(error).__name__}: {last_line(error)}")

    cells = code_cells(notebook)
    times = [seconds(cell) for cell in cells]
    for number, (cell, time) in enumerate(zip(cells, times, strict=True), 1):
        problems += [
            f"cell {number}: {output.ename}: {output.evalue}" for output in cell.outputs if output.output_type == "error"
        ]
        if cell.execution_count is None:
            problems.append(f"cell {number} did not run")
        if time is not None and time > cell_seconds:
            problems.append(f"cell {number} took {time:.0f} s; at most {cell_seconds} s are allowed")
        cell.metadata.pop("execution", None)

    executed = ROOT / "test" / "output" / path.name
    executed.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, executed)
    if save and not problems:
        # nbformat's own order of keys, and all that the kernel says of its language (nbclient has stored it): this is how
        # JupyterLab saves, so that opening a notebook does not change it and saving it changes no line.
        nbformat.write(notebook, path)
    return {
        "notebook": path.name,
        "executed": str(executed),
        "saved": save and not problems,
        "cells": len(cells),
        "seconds": [round(time, 2) if time is not None else None for time in times],
        "problems": problems,
    }


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def seconds(cell) -> float | None:
    """From the kernel taking the cell up to its reply."""
    timing = cell.metadata.get("execution", {})
    try:
        begin, end = timing["iopub.execute_input"], timing["shell.execute_reply"]
    except KeyError:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def last_line(error: Exception) -> str:
    lines = [text for text in str(error).splitlines() if text.strip()]
    return lines[-1] if lines else "no message"


def line(finding: dict) -> str:
    known = [time for time in finding["seconds"] if time is not None]
    state = "saved" if finding["saved"] else "ran"
    times = f"{sum(known):.1f} s, the slowest {max(known, default=0):.1f} s"
    head = f"{finding['notebook']}: {state}, {finding['cells']} cells in {times}"
    return "\n".join([head, *(f"  {problem}" for problem in finding["problems"])])


if __name__ == "__main__":
    sys.exit(main())
