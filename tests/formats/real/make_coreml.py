"""Make coreml-{1,2}/ with coremltools: ``python -m tests.formats.real.make_coreml``.

An .mlpackage, whose program keeps f32, f16, int8 and looked-up weights in weight.bin (its Manifest.json has
new UUIDs each time), and the .mlmodel of a neural network with f32 and f16 layers and 8-bit codes.
"""

import shutil
from pathlib import Path

import coremltools as ct
import numpy as np
from coremltools.converters.mil import Builder, mil
from coremltools.models import MLModel, datatypes
from coremltools.models.neural_network import NeuralNetworkBuilder, quantization_utils

from tests.formats.real.network import arrays

HERE = Path(__file__).parent


def program(found: dict[str, np.ndarray]) -> MLModel:
    fc2 = found["fc2.weight"]
    scale = np.abs(fc2).max(axis=1, keepdims=True).astype(np.float32) / 127
    table = np.linspace(-0.5, 0.5, 16, dtype=np.float32).reshape(1, 1, 16, 1)
    nearest = np.abs(fc2[:, :, None] - table.reshape(1, 1, 16)).argmin(axis=2)

    @Builder.program(  # type: ignore[untyped-decorator]  # coremltools has no types
        input_specs=[Builder.TensorSpec(shape=(1, 16))], opset_version=ct.target.iOS18, function_name="main"
    )
    def network(x: mil.Var) -> mil.Var:
        weight = Builder.const(val=found["fc1.weight"], name="fc1_weight")
        y = Builder.linear(
            x=x, weight=weight, bias=Builder.const(val=found["fc1.bias"], name="fc1_bias"), name="fc1"
        )
        y = Builder.layer_norm(x=y, axes=[1], epsilon=1e-5, name="norm")
        codes = np.rint(fc2 / scale).astype(np.int8)
        eight = Builder.constexpr_blockwise_shift_scale(data=codes, scale=scale, name="codes8")
        looked = Builder.constexpr_lut_to_dense(
            indices=nearest.astype(mil.types.np_uint4_dtype), lut=table, name="codes4"
        )
        half = Builder.cast(x=Builder.const(val=fc2.astype(np.float16), name="half"), dtype="fp32")
        parts = [Builder.matmul(x=y, y=part, transpose_y=True) for part in (eight, looked, half)]
        return Builder.concat(values=parts, axis=1, name="z")

    # Without the passes that would fold or retype constants.
    return ct.convert(
        network,
        convert_to="mlprogram",
        pass_pipeline=ct.PassPipeline.EMPTY,
        minimum_deployment_target=ct.target.iOS18,
    )


def layers(found: dict[str, np.ndarray]) -> MLModel:
    builder = NeuralNetworkBuilder(
        [("x", datatypes.Array(16))], [("z", None)], disable_rank5_shape_mapping=True
    )
    builder.add_inner_product(
        "fc1", found["fc1.weight"], found["fc1.bias"], 16, 24, True, input_name="x", output_name="y"
    )
    builder.add_activation("relu", "RELU", "y", "r")
    builder.add_inner_product(
        "fc2", found["fc2.weight"], found["fc2.bias"], 24, 8, True, input_name="r", output_name="z"
    )
    return MLModel(builder.spec)


def make(version: int) -> None:
    found = arrays(version)
    folder = HERE / f"coreml-{version}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    program(found).save(str(folder / "net.mlpackage"))
    model = layers(found)
    model.save(str(folder / "f32.mlmodel"))
    for bits in (16, 8):
        # A model where Core ML is installed, and its specification elsewhere.
        smaller = quantization_utils.quantize_weights(model, bits)
        spec = smaller.get_spec() if isinstance(smaller, MLModel) else smaller
        ct.utils.save_spec(spec, str(folder / f"bits{bits}.mlmodel"))


if __name__ == "__main__":
    make(1)
    make(2)
