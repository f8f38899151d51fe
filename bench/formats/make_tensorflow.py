"""Write a SavedModel: ``python -m bench.formats.make_tensorflow FOLDER``. Needs tensorflow."""

import sys
from pathlib import Path

from bench.formats import weights

try:
    import tensorflow as tf
except ImportError as error:
    weights.missing(error)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version, arrays in weights.versions(folder):
        model = tf.Module()
        model.held = {name.replace(".", "_"): tf.Variable(array) for name, array in arrays.items()}
        tf.saved_model.save(model, str(folder / f"{version}-saved"))
