"""Write TensorRT-RTX engines, built without a GPU: ``python -m bench.formats.make_tensorrt_rtx FOLDER``.

Needs tensorrt-rtx. The network multiplies its input by each matrix and adds each vector.
"""

import sys
from pathlib import Path

import numpy as np

from bench.formats import weights

try:
    import tensorrt_rtx as rtx
except ImportError as error:
    weights.missing(error)


def engine(arrays: weights.Arrays, kind: type[np.generic]) -> bytes:
    builder = rtx.Builder(rtx.Logger(rtx.Logger.ERROR))
    network = builder.create_network(1 << int(rtx.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    kinds = {np.float32: rtx.float32, np.float16: rtx.float16}
    # TensorRT does not copy weights: they must live until the engine is built.
    held = [np.ascontiguousarray(np.atleast_2d(array), kind) for array in arrays.values()]
    for name, array in zip(arrays, held, strict=True):
        constant = network.add_constant(array.shape, rtx.Weights(array))
        constant.name = name
        x = network.add_input(f"{name}.x", kinds[kind], (1, array.shape[1]))
        turned = rtx.MatrixOperation.TRANSPOSE
        product = network.add_matrix_multiply(x, rtx.MatrixOperation.NONE, constant.get_output(0), turned)
        network.mark_output(product.get_output(0))
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(rtx.ComputeCapability.SM86, 0)
    return bytes(builder.build_serialized_network(network, config))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for kind, short in ((np.float32, "f32"), (np.float16, "f16")):
        for version, arrays in weights.versions(folder, kind):
            (folder / f"{version}-{short}.engine").write_bytes(engine(arrays, kind))
