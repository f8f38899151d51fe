"""A learned coder for any bytes: a model of a few MB that adapts as it goes, the same on every machine.

``encode`` and ``decode`` take whole contents; ``Compressor`` and ``Decompressor`` take them piece by piece;
``MessageCoder`` takes short ones, with a trained model (``general()``, or a ``Prior`` of your own).
"""

from sapwood.bytecoder.calls import decode, decode_stream, encode, encode_stream
from sapwood.bytecoder.known import general
from sapwood.bytecoder.level import Level
from sapwood.bytecoder.message import MessageCoder, decode_message, encode_message
from sapwood.bytecoder.prior import Prior
from sapwood.bytecoder.stream import Compressor, Decompressor

__all__ = [
    "Compressor",
    "Decompressor",
    "Level",
    "MessageCoder",
    "Prior",
    "decode",
    "decode_message",
    "decode_stream",
    "encode",
    "encode_message",
    "encode_stream",
    "general",
]
