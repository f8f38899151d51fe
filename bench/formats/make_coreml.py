"""Write Core ML's .mlpackage and .mlmodel: ``python -m bench.formats.make_coreml FOLDER``.

Needs coremltools alone: the program and the network give out each weight, as no converter for this version of
PyTorch is at hand everywhere.
"""

import sys
from pathlib import Path

import numpy as np

from bench.formats import weights

try:
    import coremltools as ct
    from coremltools.converters.mil import Builder
    from coremltools.models import MLModel, datatypes
    from coremltools.models.neural_network import NeuralNetworkBuilder
except ImportError as error:
    weights.missing(error)


def program(arrays: weights.Arrays) -> MLModel:
    @Builder.program(input_specs=[Builder.TensorSpec(shape=(1,))], opset_version=ct.target.iOS17)  # type: ignore[untyped-decorator]  # coremltools has no types
    def network(x: object) -> object:
        named = {name: Builder.const(val=a, name=name.replace(".", "_")) for name, a in arrays.items()}
        return tuple(Builder.add(x=x, y=constant) for constant in named.values())

    return ct.convert(
        network, compute_precision=ct.precision.FLOAT32, minimum_deployment_target=ct.target.iOS17
    )


def network(arrays: weights.Arrays) -> MLModel:
    inputs = [("x", datatypes.Array(1))]
    builder = NeuralNetworkBuilder(
        inputs, [(f"{name}.out", None) for name in arrays], disable_rank5_shape_mapping=True
    )
    for name, array in arrays.items():
        shape = array.shape or (1,)
        builder.add_load_constant_nd(name, f"{name}.out", np.reshape(array, shape), shape)
    return MLModel(builder.spec)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version, arrays in weights.versions(folder):
        program(arrays).save(str(folder / f"{version}.mlpackage"))
        network(arrays).save(str(folder / f"{version}.mlmodel"))
