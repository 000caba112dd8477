"""papermill writes its parameters as TypeScript: `papermill in.ipynb out.ipynb -p t 0.5`.

papermill has no entry point for translators, but it imports the modules of its engines' entry points when it starts.
This module is one: importing it registers the translator, whatever engine runs the notebook.
"""

import json
import math
import re

from papermill.engines import NBClientEngine
from papermill.exceptions import PapermillException
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators

# Integers beyond it lose digits as a number of JavaScript.
MAX_SAFE_INTEGER = 2**53 - 1
NAME = re.compile(r"[^\W\d]\w*\Z")
RESERVED = set(
    """await break case catch class const continue debugger default delete do else enum export extends false finally for
    function if implements import in instanceof interface let new null package private protected public return static super
    switch this throw true try typeof undefined var void while with yield""".split()
)
DECLARATION = re.compile(
    r"""^\s*(?:export\s+)?(?:const|let|var)\s+(?P<name>[\w$]+)\s*
        (?::\s*(?P<type>[^=]+?))?\s*=(?!=)\s*(?P<value>.*?)\s*;?\s*(?://\s*(?P<help>.*))?$""",
    re.VERBOSE,
)


class TypeScriptTranslator(Translator):
    """Values of JSON and YAML as TypeScript."""

    @classmethod
    def translate_none(cls, val):
        return "null"

    @classmethod
    def translate_int(cls, val):
        # A BigInt is a type error where a number is meant; a number that has lost its last digits would go unseen.
        return f"{val}" if abs(val) <= MAX_SAFE_INTEGER else f"{val}n"

    @classmethod
    def translate_float(cls, val):
        if math.isnan(val):
            return "NaN"
        if math.isinf(val):
            return "Infinity" if val > 0 else "-Infinity"
        return repr(val)

    @classmethod
    def translate_escaped_str(cls, str_val):
        return json.dumps(str(str_val))

    @classmethod
    def translate_list(cls, val):
        return f"[{', '.join(cls.translate(item) for item in val)}]"

    @classmethod
    def translate_dict(cls, val):
        def key(name):
            text = json.dumps(str(name))
            # As a plain key it would set the object's prototype.
            return f"[{text}]" if str(name) == "__proto__" else text

        return f"{{ {', '.join(f'{key(k)}: {cls.translate(v)}' for k, v in val.items())} }}" if val else "{}"

    @classmethod
    def translate(cls, val):
        return cls.translate_list(val) if isinstance(val, tuple) else super().translate(val)

    @classmethod
    def comment(cls, cmt_str):
        return "\n".join(f"// {line}".rstrip() for line in str(cmt_str).splitlines())

    @classmethod
    def assign(cls, name, str_val):
        if not NAME.match(name) or name in RESERVED:
            raise PapermillException(
                f'the parameter "{name}" cannot be a variable of TypeScript: use letters, digits and _, '
                f"not beginning with a digit, and no word of the language"
            )
        return f"let {name} = {str_val};"

    @classmethod
    def inspect(cls, parameters_cell):
        """`const t: number = 0.5; // the threshold`, one to a line, for `papermill --help-notebook`."""
        found = (DECLARATION.match(line) for line in parameters_cell.source.splitlines())
        return [
            Parameter(
                name=match["name"],
                inferred_type_name=(match["type"] or "None").strip(),
                default=match["value"],
                help=(match["help"] or "").strip(),
            )
            for match in found
            if match
        ]


class SparselabEngine(NBClientEngine):
    """papermill's own way to run a notebook; it is here so that papermill imports this module."""


papermill_translators.register("sparselab", TypeScriptTranslator)
papermill_translators.register("typescript", TypeScriptTranslator)
