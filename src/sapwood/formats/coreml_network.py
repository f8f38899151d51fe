"""The weights of a Core ML neural network: which layers have them, and what one WeightParams message holds.

Source: coremltools 9, mlmodel/format/NeuralNetwork.proto.
"""

from collections.abc import Iterator
from typing import Final

from sapwood.formats import limits
from sapwood.formats.cursor import elements
from sapwood.formats.dtype import BYTES, DTYPES, DType
from sapwood.formats.layout import Tensor, joined
from sapwood.formats.protobuf import LEN, VARINT, Field, Walker, varints

__all__ = ["NAMED", "NESTED", "shape", "weights"]


def _weights(**fields: int) -> dict[int, tuple[str, str]]:
    return {number: ("weights", label) for label, number in fields.items()}


# message -> field -> (message, what it adds to the name).
NESTED: Final[dict[str, dict[int, tuple[str, str]]]] = {
    "network": {1: ("layer", "")},
    "layer": {
        100: ("convolution", ""),
        130: ("activation", ""),
        140: ("inner_product", ""),
        150: ("embedding", ""),
        160: ("batchnorm", ""),
        245: ("scale", ""),
        250: ("bias", ""),
        290: ("constant", ""),
        400: ("simple_recurrent", ""),
        410: ("gru", ""),
        420: ("lstm", ""),
        430: ("lstm", ""),
        500: ("custom", ""),
        605: ("branch", ""),
        615: ("loop", ""),
        1040: ("embedding_nd", ""),
        1045: ("matmul", ""),
        1070: ("constant", ""),
        1350: ("layer_norm", ""),
        1471: ("convolution_3d", ""),
    },
    "convolution": _weights(weights=90, bias=91),
    "activation": {25: ("prelu", ""), 71: ("softplus", "")},
    "prelu": _weights(alpha=1),
    "softplus": _weights(alpha=1, beta=2),
    "inner_product": _weights(weights=20, bias=21),
    "embedding": _weights(weights=20, bias=21),
    "batchnorm": _weights(gamma=15, beta=16, mean=17, variance=18),
    "scale": _weights(scale=2, bias=5),
    "bias": _weights(bias=2),
    "constant": _weights(data=2),
    "simple_recurrent": _weights(weightMatrix=30, recursionMatrix=31, biasVector=32),
    "gru": _weights(
        updateGateWeightMatrix=30,
        resetGateWeightMatrix=31,
        outputGateWeightMatrix=32,
        updateGateRecursionMatrix=50,
        resetGateRecursionMatrix=51,
        outputGateRecursionMatrix=52,
        updateGateBiasVector=70,
        resetGateBiasVector=71,
        outputGateBiasVector=72,
    ),
    "lstm": {20: ("lstm_weights", "")},
    "lstm_weights": _weights(
        inputGateWeightMatrix=1,
        forgetGateWeightMatrix=2,
        blockInputWeightMatrix=3,
        outputGateWeightMatrix=4,
        inputGateRecursionMatrix=20,
        forgetGateRecursionMatrix=21,
        blockInputRecursionMatrix=22,
        outputGateRecursionMatrix=23,
        inputGateBiasVector=40,
        forgetGateBiasVector=41,
        blockInputBiasVector=42,
        outputGateBiasVector=43,
        inputGatePeepholeVector=60,
        forgetGatePeepholeVector=61,
        outputGatePeepholeVector=62,
    ),
    "custom": _weights(weights=20),
    "branch": {1: ("network", ""), 2: ("network", "else")},
    "loop": {3: ("network", "condition"), 4: ("network", "body")},
    "embedding_nd": _weights(weights=20, bias=21),
    "matmul": _weights(weights=8, bias=9),
    "layer_norm": _weights(gamma=3, beta=4),
    "convolution_3d": _weights(weights=60, bias=61),
}
NAMED: Final[dict[str, tuple[int, ...]]] = {"layer": (1,)}
# Fields of a layer that give its weights' shape, outermost dimension first.
_SHAPES: Final = {
    "convolution": (1, 2, 20),
    "inner_product": (2, 1),
    "embedding": (2, 1),
    "embedding_nd": (2, 1),
    "constant": (1,),
    "matmul": (5, 6),
    "convolution_3d": (1, 2, 20, 21, 22),
}
_FLOATS, _HALVES, _RAW, _INT8, _QUANTIZATION = 1, 2, 30, 31, 40
# Codes of so many bits: a row of them is packed without gaps, the first in the upper bits of a byte.
_CODES: Final = {8: DTYPES["u8"], 4: DTYPES["u4"], 2: DTYPES["u2"]}


def shape(walker: Walker, message: str, outer: Field) -> tuple[int, ...]:
    """The shape of the weights of the layer in ``outer``; () where its kind does not say."""
    wanted = _SHAPES.get(message, ())
    if not wanted:
        return ()
    found: dict[int, list[int]] = {number: [] for number in wanted}
    for field in walker.fields(outer.start, outer.end):
        if field.number in wanted:
            most = limits.MAX_DIMENSIONS + 1 - len(found[field.number])
            found[field.number] += varints(walker.data, field, most)
    return tuple(size for number in wanted for size in found[number])


def weights(
    walker: Walker, outer: Field, name: str, shape: tuple[int, ...]
) -> Iterator[tuple[int, int, Tensor]]:
    """(offset, length, tensor) of the arrays in one WeightParams message, of the ``shape`` its layer says."""
    kinds = {_FLOATS: DTYPES["f32"], _HALVES: DTYPES["f16"], _INT8: DTYPES["i8"], _RAW: BYTES}
    arrays = []
    for field in walker.fields(outer.start, outer.end):
        if field.wire != LEN:
            continue
        if field.number in kinds:
            arrays.append(field)
        elif field.number == _QUANTIZATION:
            for part in walker.fields(field.start, field.end):
                if part.number == 1 and part.wire == VARINT:
                    kinds[_RAW] = _CODES.get(part.value, BYTES)
                elif part.number in (101, 102) and part.wire == LEN:
                    yield from _quantization(walker, part, name)
    for field in arrays:
        length = field.end - field.start
        yield field.start, length, _tensor(name, kinds[field.number], shape, length, field.start)


def _quantization(walker: Walker, outer: Field, name: str) -> Iterator[tuple[int, int, Tensor]]:
    """Scales and biases, or the values of a lookup table."""
    for field in walker.fields(outer.start, outer.end):
        if field.wire == LEN and field.number in (1, 2):
            label = "scale" if field.number == 1 else "bias"
            label = "table" if outer.number == 102 else label
            length = field.end - field.start
            tensor = _tensor(joined(name, label, field.start), DTYPES["f32"], (), length, field.start)
            yield field.start, length, tensor


def _tensor(name: str, dtype: DType, shape: tuple[int, ...], length: int, offset: int) -> Tensor:
    """The array in the shape asked for if it has that many elements, else as one row."""
    if shape and dtype.nbytes(elements(shape, offset)) == length:
        return Tensor(name, dtype, shape)
    if length % dtype.block_bytes:
        return Tensor(name, BYTES, (length,))
    return Tensor(name, dtype, (length // dtype.block_bytes * dtype.block_elements,))
