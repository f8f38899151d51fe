"""Make tensorflow-{1,2}/ with TensorFlow 2.21: ``python -m tests.formats.real.make_tensorflow``.

A SavedModel with its variables of several types, and a checkpoint of the first TensorFlow's form with a
variable in two parts.
"""

import shutil
from pathlib import Path
from typing import Any

import tensorflow as tf

from tests.formats.real.network import arrays

HERE = Path(__file__).parent


def network(version: int) -> tf.Module:
    model = tf.Module()
    found = arrays(version)
    model.held = {name.replace(".", "_"): tf.Variable(array) for name, array in found.items()}
    model.half = tf.Variable(tf.cast(found["fc2.weight"], tf.float16))
    model.brain = tf.Variable(tf.cast(found["fc2.weight"], tf.bfloat16))
    model.step = tf.Variable(1000 + version, dtype=tf.int64)
    model.text = tf.Variable("a text")
    return model


def write_parts(path: Path, version: int) -> None:
    """One variable in two parts, as ``tf.compat.v1.train.Saver`` writes it."""
    v1 = tf.compat.v1
    weight = arrays(version)["fc1.weight"]

    def part(shape: list[int], dtype: object = None, partition_info: Any = None) -> object:
        start = partition_info.var_offset[0]
        return tf.constant(weight[start : start + shape[0]], dtype)

    with tf.Graph().as_default(), v1.Session() as session:
        v1.get_variable(
            "w",
            shape=weight.shape,
            initializer=part,
            partitioner=v1.fixed_size_partitioner(2),
            use_resource=False,
        )
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(path), write_meta_graph=False, write_state=False)


if __name__ == "__main__":
    for version in (1, 2):
        folder = HERE / f"tensorflow-{version}"
        shutil.rmtree(folder, ignore_errors=True)
        tf.saved_model.save(network(version), str(folder / "saved"))
        write_parts(folder / "parts" / "model.ckpt-1", version)
