"""Random blocks of each quantised weight type, and the values that gguf-py's numpy readers give for them.

pip install gguf==0.19.0 && python test/golden/make_quants.py
"""

import base64
import json
import pathlib

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
rng = np.random.default_rng(9)


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


types = []
for name, halves in HALVES.items():
    kind = GGMLQuantizationType[name]
    values, size = GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (512 // values, size), dtype=np.uint8)
    for at in halves:  # random bits may be an infinity
        blocks[:, at : at + 2] = rng.normal(0, 0.1, (len(blocks), 1)).astype("<f2").view(np.uint8)
    types.append({"name": name, "blocks": text(blocks), "values": text(dequantize(blocks.reshape(-1), kind).astype("<f4"))})
into = pathlib.Path(__file__).with_name("quants").joinpath("blocks.json")
into.write_text(json.dumps({"made by": "gguf-py 0.19.0", "types": types}, indent=1) + "\n")
