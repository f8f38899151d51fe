"""The weights in the files beside this one: two layers, in two versions. Exact on every machine."""

import numpy as np


def arrays(version: int) -> dict[str, np.ndarray]:
    """Version 1, or version 2 with a tenth of the weights a little larger."""
    shapes = {"fc1.weight": (24, 16), "fc1.bias": (24,), "fc2.weight": (8, 24), "fc2.bias": (8,)}
    found = {}
    for i, (name, shape) in enumerate(shapes.items()):
        steps = np.arange(np.prod(shape)) * 2654435761 + i * 40503
        values = (steps % 2003 - 1001) / 2048
        if version > 1:
            values = np.where(steps % 10 == 0, values * 1.0625, values)
        found[name] = values.reshape(shape).astype(np.float32)
    return found
