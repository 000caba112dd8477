"""The suite of jupyter_kernel_test for the kernel `sparselab`, with every sample filled in.

Run by Jupyter's Python environment, which has the kernelspec: `.venv/bin/python test/kernel/conformance.py`. A number
behind it runs the suite so many times in a row, each time on new kernels.
"""

import sys
import unittest

from jupyter_kernel_test import IopubWelcomeTests, KernelTests


class SparselabKernelTests(KernelTests):
    kernel_name = "sparselab"
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = 'console.log("hello, world")'
    code_stderr = 'console.error("oops")'
    completion_samples = [
        {"text": "JSON.par", "matches": {"parse"}},
        {"text": "clearOut", "matches": {"clearOutput"}},
    ]
    complete_code_samples = ["1", 'console.log("x")', "function f(x: number) { return x * 2 }", "await 0", "const t = `a\nb`"]
    incomplete_code_samples = ["function f(x: number) {", "const t = `a", "[1,", "/* a"]
    invalid_code_samples = ["const = 5 )", "let 1x = 2", "import = x }"]
    # The suite takes one sample; of these each is asked for in turn (test_pager).
    page_samples = ("Array?", "load?", "load??")
    code_generate_error = 'throw new Error("on purpose")'
    code_execute_result = [
        {"code": "1 + 2 + 3", "result": "6"},
        {"code": '"a" + "b"', "result": "'ab'"},
        {"code": "[1, 2].map((x: number) => x * 2)", "result": "[ 2, 4 ]"},
    ]
    code_display_data = [
        {"code": 'await display({ "text/html": "<b>x</b>", "text/plain": "x" }, { raw: true })', "mime": "text/html"},
        {"code": "await display(new Map([[1, 2]]))", "mime": "text/plain"},
    ]
    code_history_pattern = "1 + 2*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "parseInt"
    code_clear_output = "clearOutput()"

    def test_pager(self) -> None:
        self.flush_channels()
        self.execute_helper('import { load } from "sparselab"')
        for sample in self.page_samples:
            with self.subTest(code=sample):
                self.code_page_something = sample
                super().test_pager()


class SparselabIopubWelcomeTests(IopubWelcomeTests):
    kernel_name = "sparselab"
    support_iopub_welcome = True


# Imported classes would be collected, and tested against python3, too.
del KernelTests, IopubWelcomeTests

if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for _ in range(rounds):
        run = unittest.main(argv=sys.argv[:1], verbosity=2, exit=False).result
        if not run.wasSuccessful() or run.skipped:
            sys.exit(1)
