"""One small valid file for each format, with the arrays that are in it."""

import io
import tempfile
from functools import cache
from pathlib import Path

import gguf
import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import safetensors.numpy

from sapwood.formats.layout import Layout
from tests.formats import tflite_file, torch_archive

Arrays = dict[str, np.ndarray]


def arrays() -> Arrays:
    """Arrays of several types; no two have the same bytes."""
    random = np.random.default_rng(7)
    return {
        "encoder.weight": random.standard_normal((4, 6)).astype(np.float32),
        "encoder.bias": random.standard_normal(6).astype(np.float16),
        "steps": np.arange(5, dtype=np.int64),
        "codes": random.integers(-128, 128, (3, 5), dtype=np.int8),
        "scale": np.array(0.125, dtype=np.float32),
    }


def named_bytes(layout: Layout, data: bytes) -> dict[str, bytes]:
    """What the layout says each tensor's bytes are."""
    return {tensor.name: data[span.offset : span.offset + span.length] for span, tensor in layout.tensors()}


@cache
def safetensors_file() -> bytes:
    return bytes(safetensors.numpy.save(arrays(), metadata={"format": "np", 'a "key"': "a\\value"}))


@cache
def gguf_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.gguf")
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_array("tokenizer.ggml.tokens", ["a", "b", "longer token"])
        writer.add_array("tokenizer.ggml.scores", [0.5, -1.0, 2.0])
        writer.add_uint64("training.tokens", 1 << 40)
        writer.add_bool("flag", val=True)
        for name, array in arrays().items():
            # gguf has no arrays without a dimension.
            writer.add_tensor(name, array.reshape(-1) if array.ndim == 0 else array)
        writer.add_tensor(
            "q8", np.arange(2 * 34, dtype=np.uint8).reshape(2, 34), raw_dtype=gguf.GGMLQuantizationType.Q8_0
        )
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


@cache
def onnx_file() -> bytes:
    initializers = [onnx.numpy_helper.from_array(array, name) for name, array in arrays().items()]
    constant = onnx.helper.make_node(
        "Constant", [], ["offset"], value=onnx.numpy_helper.from_array(np.arange(9, dtype=np.int32), "any")
    )
    identity = onnx.helper.make_node("Identity", ["encoder.weight"], ["y"], name="out")
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [4, 6])
    graph = onnx.helper.make_graph([constant, identity], "g", [], [output], initializers)
    return bytes(onnx.helper.make_model(graph, producer_name="test").SerializeToString())


@cache
def npy_file() -> bytes:
    out = io.BytesIO()
    np.save(out, arrays()["encoder.weight"])
    return out.getvalue()


@cache
def npz_file() -> bytes:
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays())
    return out.getvalue()


@cache
def tflite_model() -> bytes:
    found = arrays()
    kinds = {"float32": 0, "float16": 1, "int64": 4, "int8": 9}
    tensors = [
        tflite_file.tensor(name, kinds[array.dtype.name], array.shape, index + 1)
        for index, (name, array) in enumerate(found.items())
    ]
    tensors.append(tflite_file.tensor("activation", 0, (1, 4), 0))
    buffers = [
        tflite_file.inner_buffer(b""),
        *(tflite_file.inner_buffer(a.tobytes()) for a in found.values()),
    ]
    # The last buffer belongs to no tensor, as metadata does.
    return tflite_file.model(tensors, [*buffers, tflite_file.inner_buffer(b"1.14.0")])


@cache
def torch_file() -> bytes:
    kinds = {
        "float32": "FloatStorage",
        "float16": "HalfStorage",
        "int64": "LongStorage",
        "int8": "CharStorage",
    }
    found = arrays()
    tensors = {
        name: torch_archive.view(
            torch_archive.storage(kinds[array.dtype.name], str(index), array.size), array.shape
        )
        for index, (name, array) in enumerate(found.items())
    }
    members = {"data.pkl": torch_archive.pickled(torch_archive.ordered(tensors)), "byteorder": b"little"}
    members |= {f"data/{index}": array.tobytes() for index, array in enumerate(found.values())}
    return torch_archive.archive(members | {"version": b"3\n"})


SAMPLES = {
    "safetensors": safetensors_file,
    "gguf": gguf_file,
    "onnx": onnx_file,
    "npy": npy_file,
    "npz": npz_file,
    "tflite": tflite_model,
    "torch": torch_file,
}
