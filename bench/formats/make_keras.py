"""Write Keras's .keras: ``python -m bench.formats.make_keras FOLDER``.

Needs keras 3 and one of its backends (KERAS_BACKEND). Each array is the variable of a layer of its own.
"""

import sys
from pathlib import Path

import numpy as np

from bench.formats import weights

try:
    import keras
except ImportError as error:
    weights.missing(error)


class Holder(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A layer with one variable, which adds nothing to what goes through it."""

    def __init__(self, shape: tuple[int, ...], **rest: object) -> None:
        super().__init__(**rest)
        self._held = shape

    def build(self, _shape: object) -> None:
        self.add_weight(shape=self._held, name="array")

    def call(self, given: object) -> object:
        return given


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    layers = [Holder(array.shape, name=name.replace(".", "_")) for name, array in arrays.items()]
    model = keras.Sequential([keras.Input((1,)), *layers])
    for layer, array in zip(layers, arrays.values(), strict=True):
        layer.set_weights([array])
    model.save(path)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version, arrays in weights.versions(folder):
        write(folder / f"{version}.keras", arrays)
