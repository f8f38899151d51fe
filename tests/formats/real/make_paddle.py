"""Make paddle-{1,2}/ with PaddlePaddle: ``python -m tests.formats.real.make_paddle``.

``net`` is as version 3 saves it, and ``old/net`` as versions before did (FLAGS_enable_pir_api=0).
"""

import os
import subprocess
import sys
from pathlib import Path

import paddle

from tests.formats.real.network import arrays

HERE = Path(__file__).parent


class Network(paddle.nn.Layer):  # type: ignore[misc]  # paddle is not looked into
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = paddle.nn.Linear(16, 24)
        self.fc2 = paddle.nn.Linear(24, 8)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.fc2(paddle.nn.functional.relu(self.fc1(x)))


def make(version: int, place: Path) -> None:
    network = Network()
    # Paddle's layers have their inputs in the rows.
    weights = {name: paddle.to_tensor(array.T.copy()) for name, array in arrays(version).items()}
    network.set_state_dict(weights)
    network.eval()
    paddle.jit.save(network, str(place), input_spec=[paddle.static.InputSpec([1, 16], "float32")])


def without_call_stacks(place: Path) -> None:
    """Write a .pdmodel again without what it says of the Python files that made each operator."""
    paddle.enable_static()
    program = paddle.static.deserialize_program(place.read_bytes())
    for block in program.blocks:
        for operator in block.ops:
            operator._remove_attr("op_callstack")
    place.write_bytes(program.desc.serialize_to_string())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        made = Path(sys.argv[2])
        make(int(sys.argv[1]), made)
        if made.with_suffix(".pdmodel").exists():
            without_call_stacks(made.with_suffix(".pdmodel"))
        sys.exit()
    for version in ("1", "2"):
        for place, flag in (("net", "1"), ("old/net", "0")):
            # A new process: Paddle numbers the layers it has made.
            command = [sys.executable, "-m", "tests.formats.real.make_paddle", version]
            command.append(str(HERE / f"paddle-{version}" / place))
            subprocess.run(command, check=True, env=os.environ | {"FLAGS_enable_pir_api": flag})
