"""Write PaddlePaddle's .json and .pdiparams: ``python -m bench.formats.make_paddle FOLDER``.

Needs paddlepaddle. The network gives out each weight, as PyTorch's cannot be converted by Paddle alone.
"""

import sys
from pathlib import Path

from bench.formats import weights

try:
    import paddle
except ImportError as error:
    weights.missing(error)


class Network(paddle.nn.Layer):  # type: ignore[misc]  # paddle is not looked into
    def __init__(self, arrays: weights.Arrays) -> None:
        super().__init__()
        for name, array in arrays.items():
            given = paddle.nn.initializer.Assign(array)
            whole = name.replace(".", "_")
            self.add_parameter(whole, self.create_parameter(array.shape, attr=paddle.ParamAttr(whole, given)))

    def forward(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        return [x + parameter for parameter in self.parameters()]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version, arrays in weights.versions(folder):
        with paddle.utils.unique_name.guard():
            network = Network(arrays)
            network.eval()
        given = [paddle.static.InputSpec([1], "float32")]
        paddle.jit.save(network, str(folder / f"{version}-net" / "model"), input_spec=given)
