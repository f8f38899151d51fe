"""Make int8 TFLite pairs from the trained ones.

    python -m bench.corpus.quantised_tflite PAIRS_DIR      (about a CPU minute)

PAIRS_DIR holds what bench.corpus.make_pairs wrote. The matrices of each of sft/f32's encoders become a float
TFLite model, one fully connected operator after the other, which Google's quantiser then writes with int8
weights, a scale a channel, to quantised/tflite_int8/STEP.tflite.

Needs: pip install ai-edge-litert ai-edge-quantizer flatbuffers safetensors numpy
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from bench.corpus.quantised_types import STEPS

# As a forward pass meets them, so that each one's inputs are the outputs of the one before.
MATRICES = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
FIRST_INPUTS = 384


class _Network:
    """A float model in the making, in the generated classes of TFLite's schema."""

    def __init__(self, schema: Any) -> None:
        self.schema = schema
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        # Buffer 0 is the empty one, by TFLite's custom.
        self.buffers = [schema.BufferT()]
        self.last = self._tensor("input", (1, FIRST_INPUTS), None)
        self.graph.inputs = [self.last]

    def _tensor(self, name: str, shape: tuple[int, ...], data: np.ndarray[Any, Any] | None) -> int:
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), self.schema.TensorType.FLOAT32
        tensor.buffer = 0
        if data is not None:
            buffer = self.schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data, np.float32).tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def connect(self, name: str, weights: np.ndarray[Any, Any], bias: np.ndarray[Any, Any]) -> None:
        operator = self.schema.OperatorT()
        operator.opcodeIndex = 0
        operator.inputs = [
            self.last,
            self._tensor(f"{name}.weight", weights.shape, weights),
            self._tensor(f"{name}.bias", bias.shape, bias),
        ]
        self.last = self._tensor(name, (1, len(weights)), None)
        operator.outputs = [self.last]
        operator.builtinOptionsType = self.schema.BuiltinOptions.FullyConnectedOptions
        operator.builtinOptions = self.schema.FullyConnectedOptionsT()
        self.graph.operators.append(operator)

    def write(self, path: Path) -> None:
        self.graph.outputs = [self.last]
        code = self.schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = self.schema.BuiltinOperator.FULLY_CONNECTED
        code.version = 1
        model = self.schema.ModelT()
        model.version, model.operatorCodes = 3, [code]
        model.subgraphs, model.buffers = [self.graph], self.buffers
        builder = importlib.import_module("flatbuffers").Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        path.write_bytes(builder.Output())


def float_model(source: Path, out: Path, schema: Any) -> None:
    weights = load_file(str(source))
    network = _Network(schema)
    layer = 0
    while (name := f"encoder.layer.{layer}") + f".{MATRICES[0]}.weight" in weights:
        for matrix in MATRICES:
            whole = f"{name}.{matrix}"
            network.connect(whole, weights[f"{whole}.weight"], weights[f"{whole}.bias"])
        layer += 1
    network.write(out)


def main(folder: Path) -> None:
    schema = importlib.import_module("ai_edge_litert.schema_py_generated")
    quantizer = importlib.import_module("ai_edge_quantizer.quantizer")
    recipe = importlib.import_module("ai_edge_quantizer.recipe")
    out = folder / "quantised" / "tflite_int8"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for step in STEPS:
            whole = Path(scratch) / f"{step}.tflite"
            float_model(folder / "sft" / "f32" / f"{step}.safetensors", whole, schema)
            made = quantizer.Quantizer(str(whole), recipe.dynamic_wi8_afp32()).quantize()
            (out / f"{step}.tflite").write_bytes(made.quantized_model)
            print("wrote", out / f"{step}.tflite", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
