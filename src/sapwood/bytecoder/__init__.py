"""A learned coder for any bytes: a model of a few MB that adapts as it goes, the same on every machine.

``encode`` and ``decode`` take whole contents; ``Compressor`` and ``Decompressor`` take them piece by piece.
"""

from sapwood.bytecoder.calls import decode, decode_stream, encode, encode_stream
from sapwood.bytecoder.level import Level
from sapwood.bytecoder.stream import Compressor, Decompressor

__all__ = ["Compressor", "Decompressor", "Level", "decode", "decode_stream", "encode", "encode_stream"]
