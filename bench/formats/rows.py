"""The rows of the table: one format each, how its two files are made or found, and where they come from.

A maker is a script beside this file, run as ``python -m bench.formats.NAME FOLDER``: it writes the files of
its rows into FOLDER, and exits with 3 and one line on stderr where a package that it needs is not installed.
It may need an environment of its own (``--python NAME=PATH``), so it imports nothing but its library, numpy
and ``weights``.
To add a format: write the maker, add its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One format.

    Attributes:
        format: Its name in the table.
        origin: Who wrote the files, with what, and whose weights they are.
        base: Path of the first version; ``{made}``, ``{corpus}`` and ``{repo}`` are folders.
        target: Path of the second.
        maker: The script that makes them; "" if they are found.
        twin: The same weights as safetensors, "BASE TARGET", to compare the patches' sizes; "" if none.
    """

    format: str
    origin: str
    base: str
    target: str
    maker: str = ""
    twin: str = ""


_REPO = Path(__file__).parents[2]
_WRITER = "examples/models/writer (trained by examples/models/make_models.py)"


def _fetched(format: str, name: str, suffix: str, origin: str) -> Row:
    folder = "{corpus}/fetched/" + name
    return Row(format, origin, f"{folder}/base.{suffix}", f"{folder}/target.{suffix}")


def _made(format: str, maker: str, suffix: str, origin: str, *, kind: str = "f32") -> Row:
    folder = "{made}/" + maker
    twin = " ".join(f"{folder}/{version}-{kind}.safetensors" for version in ("base", "target"))
    return Row(format, origin, f"{folder}/base{suffix}", f"{folder}/target{suffix}", maker, twin)


ROWS = (
    Row(
        "safetensors",
        _WRITER,
        "{repo}/examples/models/writer-f32-base.safetensors",
        "{repo}/examples/models/writer-f32-tuned.safetensors",
    ),
    Row(
        "tflite",
        "bench/corpus/tflite: a CNN fine-tuned and quantised with TensorFlow",
        "{repo}/bench/corpus/tflite/my_cnn_ft_lr1e-5x1.old.tflite",
        "{repo}/bench/corpus/tflite/my_cnn_ft_lr1e-5x1.new.tflite",
    ),
    _made("npz", "make_numpy", ".npz", f"numpy.savez of {_WRITER}"),
    _made("onnx", "make_onnx", ".onnx", f"onnx's own writer on {_WRITER}"),
    _made("gguf", "make_gguf", ".gguf", f"gguf's own writer on {_WRITER}"),
    _made("openvino f32", "make_openvino", "-f32", f"openvino.convert_model of {_WRITER}"),
    _made("openvino f16", "make_openvino", "-f16", "as above, compressed to f16", kind="f16"),
    _made("coreml program", "make_coreml", ".mlpackage", f"coremltools on {_WRITER}"),
    _made("coreml network", "make_coreml", ".mlmodel", "as above, a neural network of constants"),
    _made("executorch", "make_executorch", "-portable.pte", f"torch.export of {_WRITER}"),
    _made("executorch xnnpack", "make_executorch", "-xnnpack.pte", "as above, for the XNNPACK delegate"),
    _made("paddle", "make_paddle", "-net", f"paddle.jit.save of {_WRITER}"),
    _made("flax", "make_flax", ".msgpack", f"flax.serialization of {_WRITER}"),
    _made("tensorrt-rtx f32", "make_tensorrt_rtx", "-f32.engine", f"TensorRT-RTX's builder on {_WRITER}"),
    _made("tensorrt-rtx f16", "make_tensorrt_rtx", "-f16.engine", "as above, in f16", kind="f16"),
    _made("mxnet", "make_mxnet", ".params", f"mxnet.nd.save of {_WRITER}"),
    _made("hdf5", "make_hdf5", ".h5", f"h5py, laid out as Keras does, of {_WRITER}"),
    _made("tensorflow", "make_tensorflow", "-saved", f"tf.saved_model.save of {_WRITER}"),
    _made("keras", "make_keras", ".keras", f"Keras 3's own writer on {_WRITER}"),
    _fetched("keras h5", "sunglasses_h5", "h5", "published: two versions of a MobileNetV2 classifier"),
    Row(
        "raw net",
        f"{_WRITER}, rounded to 16 and 8 bits and laid out as an NNUE file is",
        "{made}/make_raw_net/base.nnue",
        "{made}/make_raw_net/target.nnue",
        "make_raw_net",
    ),
    _made("torch", "make_torch", ".pt", f"torch.save of {_WRITER}"),
    _made("torch legacy", "make_torch", "-legacy.pt", "as above, in the form from before the archives"),
)


def place(template: str, made: Path, corpus: Path) -> Path:
    return Path(template.format(made=made, corpus=corpus, repo=_REPO))
