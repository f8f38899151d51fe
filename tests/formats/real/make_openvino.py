"""Make openvino-{1,2}/model.{xml,bin} with OpenVINO: ``python -m tests.formats.real.make_openvino``.

Every constant type a network may be stored in: f32 and f16 weights, int8 and int4 codes with scales.
"""

from pathlib import Path

import numpy as np
import openvino
import openvino.opset13 as ops

from tests.formats.real.network import arrays

HERE = Path(__file__).parent


def _compressed(weight: np.ndarray, kind: openvino.Type, most: int, name: str) -> openvino.Node:
    """Codes and a scale a row, as weight compression leaves them."""
    scale = np.abs(weight).max(axis=1, keepdims=True) / most
    codes = np.rint(weight / scale)
    if kind == openvino.Type.i4:
        stored = openvino.Tensor(_packed(codes), list(weight.shape), kind)
        constant = ops.constant(stored, name=name)
    else:
        constant = ops.constant(codes.astype(np.int8), name=name)
    half = ops.convert(constant, "f32")
    return ops.multiply(half, ops.constant(scale.astype(np.float32), name=f"{name}/scale"))


def _brain(weight: np.ndarray) -> openvino.Tensor:
    upper = (weight.view(np.uint32) >> 16).astype(np.uint16)
    return openvino.Tensor(upper, list(weight.shape), openvino.Type.bf16)


def _packed(codes: np.ndarray) -> np.ndarray:
    flat = codes.astype(np.int8).reshape(-1) & 15
    return (flat[0::2] | flat[1::2] << 4).astype(np.uint8)


def make(version: int) -> None:
    found = arrays(version)
    x = ops.parameter([1, 16], np.float32, name="x")
    y = ops.matmul(x, ops.constant(found["fc1.weight"], name="fc1.weight"), False, True)
    y = ops.relu(ops.add(y, ops.constant(found["fc1.bias"].reshape(1, 24), name="fc1.bias")))
    half = ops.constant(found["fc2.weight"].astype(np.float16), name="half")
    brain = ops.constant(_brain(found["fc2.weight"]), name="brain")
    parts = [
        ops.convert(half, "f32"),
        ops.convert(brain, "f32"),
        _compressed(found["fc2.weight"], openvino.Type.i8, 127, "codes8"),
        _compressed(found["fc2.weight"], openvino.Type.i4, 7, "codes4"),
    ]
    z = [ops.matmul(y, part, False, True) for part in parts]
    model = openvino.Model([ops.concat(z, 1)], [x], "net")
    folder = HERE / f"openvino-{version}"
    folder.mkdir(exist_ok=True)
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)


if __name__ == "__main__":
    make(1)
    make(2)
