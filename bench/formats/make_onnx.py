"""Write .onnx with onnx's own writer: ``python -m bench.formats.make_onnx FOLDER``."""

import sys
from pathlib import Path

from bench.formats import weights

try:
    import onnx
    import onnx.helper
    import onnx.numpy_helper
except ImportError as error:
    weights.missing(error)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version, arrays in weights.versions(folder):
        initializers = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
        nodes = [onnx.helper.make_node("Identity", [name], [f"{name}.out"]) for name in arrays]
        outputs = [
            onnx.helper.make_tensor_value_info(f"{name}.out", onnx.TensorProto.FLOAT, array.shape)
            for name, array in arrays.items()
        ]
        graph = onnx.helper.make_graph(nodes, "writer", [], outputs, initializers)
        onnx.save(onnx.helper.make_model(graph), folder / f"{version}.onnx")
