"""Runs one cell on the kernel `sparselab` without a browser, and checks what came out: `npm start -- --check`.

The cell goes the whole way: TypeScript, the package's name, the native executor, the bundled model. Argument: the folder it
runs in.
"""

import sys

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

CELL = """
import { load, tinyWorld } from "sparselab";
const model = await load(tinyWorld);
const answer: number = 6 * 7;
console.log(`answer ${answer}`);
"""


def main() -> int:
    folder = sys.argv[1]
    notebook = new_notebook(cells=[new_code_cell(CELL)])
    client = NotebookClient(notebook, kernel_name="sparselab", timeout=120, resources={"metadata": {"path": folder}})
    try:
        client.execute()
    except CellExecutionError as error:
        print(f"the cell failed:\n{error}", file=sys.stderr)
        return 1
    text = "".join(output.get("text", "") for output in notebook.cells[0].outputs)
    print(text.rstrip())
    if "answer 42" not in text:
        print("the cell ran, but its output did not arrive", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
