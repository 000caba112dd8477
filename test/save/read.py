"""Prints what numpy finds in an .npz or .safetensors file, as JSON: type, shape, hex bytes of each array; texts as they are."""

import json
import sys

import numpy as np

TYPES = {"F32": "<f4", "F64": "<f8", "I8": "i1", "U8": "u1", "I16": "<i2", "U16": "<u2"}
TYPES |= {"I32": "<i4", "U32": "<u4", "I64": "<i8", "U64": "<u8", "BOOL": "?"}


def safetensors(path):
    """The format's definition: 8 bytes of length, a JSON header, the data."""
    raw = open(path, "rb").read()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    data = raw[8 + size :]
    metadata = header.pop("__metadata__", {})
    ends = []
    for name, one in header.items():
        begin, end = one["data_offsets"]
        ends.append((begin, end))
        yield name, np.frombuffer(data[begin:end], TYPES[one["dtype"]]).reshape(one["shape"])
    for name, text in metadata.items():
        yield name, np.array(json.loads(text) if text.startswith("[") else text)
    ends.sort()
    assert [a for a, _ in ends] == [0, *(b for _, b in ends)][: len(ends)], "holes between the arrays"
    assert ends[-1][1] == len(data), "bytes after the last array"


def npz(path):
    with np.load(path, allow_pickle=False) as file:
        yield from ((name, file[name]) for name in file.files)


found = {}
for name, array in (npz if sys.argv[1].endswith(".npz") else safetensors)(sys.argv[1]):
    text = array.dtype.kind == "U"
    found[name] = {
        "type": "text" if text else array.dtype.str,
        "shape": list(array.shape),
        "data": array.tolist() if text else array.tobytes().hex(),
    }
print(json.dumps(found))
