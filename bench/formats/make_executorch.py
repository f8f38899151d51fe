"""Write ExecuTorch's .pte, exported from PyTorch: ``python -m bench.formats.make_executorch FOLDER``.

Needs executorch and torch. ``portable`` runs on ExecuTorch's own kernels, ``xnnpack`` on a delegate.
"""

import sys
from pathlib import Path

from bench.formats import weights

try:
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge, to_edge_transform_and_lower

    from bench.formats import network
except ImportError as error:
    weights.missing(error)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version, arrays in weights.versions(folder):
        exported = torch.export.export(network.writer(arrays), (network.example(),))
        (folder / f"{version}-portable.pte").write_bytes(to_edge(exported).to_executorch().buffer)
        lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
        (folder / f"{version}-xnnpack.pte").write_bytes(lowered.to_executorch().buffer)
