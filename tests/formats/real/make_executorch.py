"""Make executorch-{1,2}/ with ExecuTorch and PyTorch: ``python -m tests.formats.real.make_executorch``.

``portable.pte`` keeps its constants in a segment, ``external.pte`` in the .ptd beside it, and ``xnnpack.pte``
in those of a delegate.
"""

from pathlib import Path

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import ExecutorchBackendConfig, to_edge, to_edge_transform_and_lower

from tests.formats.real.network import arrays

HERE = Path(__file__).parent


class Network(torch.nn.Module):  # type: ignore[misc]  # torch is not looked into
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = torch.nn.Linear(16, 24)
        self.fc2 = torch.nn.Linear(24, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(torch.relu(self.fc1(x)))


def make(version: int) -> None:
    folder = HERE / f"executorch-{version}"
    folder.mkdir(exist_ok=True)
    network = Network().eval()
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays(version).items()})
    exported = torch.export.export(network, (torch.zeros(1, 16),))
    (folder / "portable.pte").write_bytes(to_edge(exported).to_executorch().buffer)
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    (folder / "xnnpack.pte").write_bytes(lowered.to_executorch().buffer)
    apart = to_edge(exported).to_executorch(ExecutorchBackendConfig(external_constants=True))
    (folder / "external.pte").write_bytes(apart.buffer)
    apart.write_tensor_data_to_file(str(folder))


if __name__ == "__main__":
    make(1)
    make(2)
