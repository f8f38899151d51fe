"""Small models of every format, each in two versions: real files, made by the formats' own libraries."""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import gguf
import ml_dtypes
import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import safetensors.numpy

from tests.formats import tflite_file, torch_archive

Arrays = dict[str, np.ndarray]


def first_version(rows: int = 40) -> Arrays:
    """Arrays of every width; ``rows`` sets their size."""
    random = np.random.default_rng(11)
    return {
        "embed.weight": random.standard_normal((rows, 24)).astype(np.float32),
        "layer.0.weight": random.standard_normal((rows, 32)).astype(np.float16),
        "layer.0.bias": random.standard_normal(33).astype(np.float16),
        "layer.1.weight": random.standard_normal((rows, 16)),
        "positions": np.arange(rows, dtype=np.int64),
        "codes": random.integers(-128, 128, (rows, 17)).astype(np.int8),
        "scale": np.array(0.125, dtype=np.float32),
    }


def second_version(first: Arrays) -> Arrays:
    """A training step later: floats moved a little, some codes flipped, one array grown, one new."""
    random = np.random.default_rng(12)
    second = {}
    for name, array in first.items():
        if array.dtype.kind == "f":
            moved = array * (1 + 1e-3 * random.standard_normal(array.shape))
            second[name] = np.asarray(moved, dtype=array.dtype)
        else:
            second[name] = np.where(random.random(array.shape) < 0.05, array + 1, array).astype(array.dtype)
    second["positions"] = np.arange(len(first["positions"]) + 5, dtype=np.int64)
    second["layer.2.weight"] = random.standard_normal((8, 8)).astype(np.float32)
    return second


def safetensors_file(arrays: Arrays) -> bytes:
    return bytes(safetensors.numpy.save(arrays, metadata={"format": "np"}))


def gguf_file(arrays: Arrays) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.gguf")
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_array("tokenizer.ggml.tokens", [f"token {i}" for i in range(30)])
        for name, array in arrays.items():
            writer.add_tensor(name, array.reshape(-1) if array.ndim == 0 else array)
        packed = np.frombuffer(arrays["codes"].tobytes()[: 34 * 4], np.uint8).reshape(4, 34)
        writer.add_tensor("q8", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


def onnx_file(arrays: Arrays) -> bytes:
    initializers = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    node = onnx.helper.make_node("Identity", ["scale"], ["y"])
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [])
    graph = onnx.helper.make_graph([node], "g", [], [output], initializers)
    return bytes(onnx.helper.make_model(graph, producer_name="test").SerializeToString())


def npy_file(arrays: Arrays) -> bytes:
    out = io.BytesIO()
    np.save(out, arrays["embed.weight"])
    return out.getvalue()


def npz_file(arrays: Arrays) -> bytes:
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def tflite_model(arrays: Arrays) -> bytes:
    kinds = {"float32": 0, "float16": 1, "int64": 4, "int8": 9, "float64": 10}
    tensors = [
        tflite_file.tensor(name, kinds[array.dtype.name], array.shape, index + 1)
        for index, (name, array) in enumerate(arrays.items())
    ]
    buffers = [
        tflite_file.inner_buffer(b""),
        *(tflite_file.inner_buffer(a.tobytes()) for a in arrays.values()),
    ]
    return tflite_file.model(tensors, buffers)


def torch_file(arrays: Arrays) -> bytes:
    kinds = {
        "float64": "DoubleStorage",
        "float32": "FloatStorage",
        "float16": "HalfStorage",
        "int64": "LongStorage",
        "int8": "CharStorage",
    }
    tensors = {
        name: torch_archive.view(
            torch_archive.storage(kinds[array.dtype.name], str(index), array.size), array.shape
        )
        for index, (name, array) in enumerate(arrays.items())
    }
    members = {"data.pkl": torch_archive.pickled(torch_archive.ordered(tensors)), "byteorder": b"little"}
    members |= {f"data/{index}": array.tobytes() for index, array in enumerate(arrays.values())}
    return torch_archive.archive(members)


def opaque_file(arrays: Arrays) -> bytes:
    return b"no format at all" + b"".join(array.tobytes() for array in arrays.values())


MAKERS: dict[str, Callable[[Arrays], bytes]] = {
    "safetensors": safetensors_file,
    "gguf": gguf_file,
    "onnx": onnx_file,
    "npy": npy_file,
    "npz": npz_file,
    "tflite": tflite_model,
    "torch": torch_file,
    "opaque": opaque_file,
}


def pair(format_name: str, rows: int = 40) -> tuple[bytes, bytes]:
    """Two versions of one model in a format."""
    first = first_version(rows)
    return MAKERS[format_name](first), MAKERS[format_name](second_version(first))


def every_element() -> dict[str, np.ndarray]:
    """One array of each kind of element that safetensors can name."""
    random = np.random.default_rng(3)
    values = random.standard_normal(3000)
    found: dict[str, np.ndarray] = {}
    for kind in (np.float64, np.float32, np.float16, ml_dtypes.bfloat16):
        found[np.dtype(kind).name] = values.astype(kind)
    for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64):
        found[np.dtype(kind).name] = random.integers(0, 100, 3000).astype(kind)
    found["bool"] = values > 0
    return found
