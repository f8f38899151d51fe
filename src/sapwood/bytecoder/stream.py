"""Coding piece by piece, in the shape of the standard library's compressors."""

from collections.abc import Sequence

from blake3 import blake3

from sapwood.bytecoder.block import decode_block, encode_block
from sapwood.bytecoder.container import NO_MODEL, End, Header
from sapwood.bytecoder.known import find
from sapwood.bytecoder.level import Level
from sapwood.bytecoder.parser import Parser
from sapwood.bytecoder.prior import Prior
from sapwood.errors import CorruptStream, DigestMismatch, LimitExceeded

__all__ = ["Compressor", "Decompressor", "Whole"]


class Whole:
    """What all blocks of a stream amount to, in their order: a length and a digest."""

    def __init__(self, max_size: int | None = None) -> None:
        self.length = 0
        self._digest = blake3()
        self._max_size = max_size

    def expect(self, header: Header, count: int) -> None:
        """Refuse ``count`` bytes more before they are decoded, if a limit or the header forbids them."""
        total = self.length + count
        if self._max_size is not None and total > self._max_size:
            raise LimitExceeded(
                "the content is too long", expected=f"at most {self._max_size} bytes", found=total
            )
        if header.length is not None and total > header.length:
            raise CorruptStream("blocks go on behind the length in the header", expected=header.length)

    def add(self, content: bytes) -> None:
        """Take the next block's content."""
        self.length += len(content)
        self._digest.update(content)

    def end(self) -> End:
        """What stands at the stream's end."""
        return End(self.length, self._digest.digest())

    def check(self, header: Header, end: End) -> None:
        """Compare with what the stream promises.

        Raises:
            CorruptStream: The length is wrong.
            DigestMismatch: The content is not what was encoded.
        """
        wanted = end.length if header.length is None else header.length
        if not self.length == end.length == wanted:
            raise CorruptStream(
                "the stream has another length than it says", expected=wanted, found=self.length
            )
        if self.end().digest != end.digest:
            raise DigestMismatch("the content", expected=end.digest, found=self.end().digest)


class Compressor:
    """Encodes as bytes come; a block is held until it is full.

    Args:
        level: The model's size.
        length: How many bytes will come, if that is known: a decoder then knows it from the start.
        prior: The trained model that every block begins with; a decoder needs it too.
    """

    def __init__(
        self, level: Level = Level.DEFAULT, *, length: int | None = None, prior: Prior | None = None
    ) -> None:
        model = prior.identity if prior else NO_MODEL
        self._header: Header | None = Header(level, level.block_size, length, model)
        self._level = level
        self._prior = prior
        self._held = bytearray()
        self._whole = Whole()

    def compress(self, data: bytes) -> bytes:
        """Take more; the bytes of the stream that are ready by now, maybe none."""
        self._held += data
        out = bytearray(self._opening())
        while len(self._held) >= self._level.block_size:
            out += self._block(self._level.block_size)
        return bytes(out)

    def flush(self) -> bytes:
        """The rest of the stream; nothing can follow."""
        out = self._opening()
        if self._held:
            out += self._block(len(self._held))
        return out + self._whole.end().pack()

    def _opening(self) -> bytes:
        header, self._header = self._header, None
        return header.pack() if header else b""

    def _block(self, count: int) -> bytes:
        content = bytes(self._held[:count])
        del self._held[:count]
        self._whole.add(content)
        return encode_block(content, self._level, self._prior)


class Decompressor:
    """Decodes as bytes come. What it gives is checked block by block; that it is whole is known at ``eof``.

    Args:
        max_size: Refuse a content of more bytes, before they are decoded.
        priors: Trained models that the stream may need, beside the general one.
    """

    def __init__(self, *, max_size: int | None = None, priors: Sequence[Prior] = ()) -> None:
        self._priors = priors
        self._parser = Parser()
        self._whole = Whole(max_size)
        self._ready = b""
        self._ended = False
        self._hungry = True

    @property
    def eof(self) -> bool:
        """Whether the end came, all was right, and all was given."""
        return self._ended and not self._ready

    @property
    def unused_data(self) -> bytes:
        """What came behind the end."""
        return self._parser.rest

    @property
    def needs_input(self) -> bool:
        """Whether nothing can be given without more of the stream."""
        return self._hungry and not self._ended

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Take more of the stream; what it decodes to, at most ``max_length`` bytes if that is not negative.

        Raises:
            EOFError: The stream has ended.
            CorruptStream: The stream is damaged or none.
            UnsupportedStream: It needs a newer Sapwood.
            WrongByteModel: It needs a trained model that is not here.
            LimitExceeded: The content is too long.
            DigestMismatch: The whole is not what was encoded.
        """
        if self.eof:
            raise EOFError("the stream has ended")
        self._parser.feed(data)
        out = bytearray()
        while True:
            room = len(self._ready) if max_length < 0 else max_length - len(out)
            out += self._ready[:room]
            self._ready = self._ready[room:]
            self._hungry = not self._ready
            if self._ready:
                return bytes(out)
            block = next(self._parser.blocks(), None)
            header, end = self._parser.header, self._parser.end
            if block is not None and header is not None:
                self._whole.expect(header, block.head.raw)
                self._ready = decode_block(
                    block.head, block.payload, header.level, block.offset, find(header.model, self._priors)
                )
                self._whole.add(self._ready)
                continue
            if end is not None and header is not None and not self._ended:
                self._whole.check(header, end)
                self._ended = True
            return bytes(out)
