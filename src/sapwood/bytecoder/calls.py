"""Whole contents and whole files, on several threads."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, Final, TypeVar

from sapwood.bytecoder.block import decode_block, encode_block
from sapwood.bytecoder.container import NO_MODEL, Header
from sapwood.bytecoder.known import Priors, find
from sapwood.bytecoder.level import Level
from sapwood.bytecoder.parser import CodedBlock, Parser
from sapwood.bytecoder.prior import Prior
from sapwood.bytecoder.stream import Compressor, Decompressor, Whole
from sapwood.errors import CorruptStream, StorageFailure

__all__ = ["decode", "decode_stream", "encode", "encode_stream"]

_CHUNK: Final = 1 << 20

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def encode(data: bytes, level: Level = Level.DEFAULT, *, prior: Prior | None = None) -> bytes:
    """The bytes as a stream of their own, with a trained model or without."""
    compressor = Compressor(level, length=len(data), prior=prior)
    return compressor.compress(data) + compressor.flush()


def decode(stream: bytes, *, max_size: int | None = None, priors: Sequence[Prior] = ()) -> bytes:
    """The bytes that ``encode`` took; ``priors`` are trained models that it may need, beside the general one.

    Raises:
        CorruptStream: The stream is damaged, cut short, or something follows it.
        UnsupportedStream: It needs a newer Sapwood.
        WrongByteModel: It needs a trained model that is not here.
        LimitExceeded: The content has more than ``max_size`` bytes.
        DigestMismatch: The whole is not what was encoded.
    """
    decompressor = Decompressor(max_size=max_size, priors=priors)
    content = decompressor.decompress(stream)
    if not decompressor.eof:
        raise _cut(len(stream))
    if decompressor.unused_data:
        raise _more(len(stream) - len(decompressor.unused_data))
    return content


def encode_stream(
    source: BinaryIO,
    out: BinaryIO,
    level: Level = Level.DEFAULT,
    *,
    length: int | None = None,
    prior: Prior | None = None,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[int, int]:
    """Read ``source`` to its end and write a stream: bytes read and written.

    Args:
        source: Read to its end.
        out: Where the stream goes.
        level: The model's size; every thread has one, and two blocks.
        length: How many bytes will come, if that is known.
        prior: The trained model that every block begins with; a decoder needs it too.
        threads: Blocks at once; all processors by default. The stream is the same with any number.
        progress: Is told how many bytes were done since it was told last.
    """
    whole = Whole()
    written = out.write(Header(level, level.block_size, length, prior.identity if prior else NO_MODEL).pack())
    blocks = iter(lambda: _read(source, level.block_size), b"")
    for content, coded in _in_order(
        lambda block: (block, encode_block(block, level, prior)), blocks, threads
    ):
        whole.add(content)
        written += out.write(coded)
        if progress:
            progress(len(content))
    if length is not None and whole.length != length:
        raise StorageFailure("the input changed while it was read", expected=length, found=whole.length)
    return whole.length, written + out.write(whole.end().pack())


def decode_stream(
    source: BinaryIO,
    out: BinaryIO,
    *,
    max_size: int | None = None,
    priors: Priors = (),
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[int, int]:
    """Read a stream and write its content: bytes read and written. The errors are those of ``decode``.

    What was written before an error is right block by block, and not the whole.
    """
    parser = Parser()
    whole = Whole(max_size)
    read = 0

    def blocks() -> Iterator[tuple[Header, CodedBlock]]:
        nonlocal read
        planned = Whole(max_size)
        while parser.end is None:
            data = source.read(_CHUNK)
            if not data:
                raise _cut(read)
            read += len(data)
            parser.feed(data)
            for block in parser.blocks():
                header = _known(parser.header)
                planned.expect(header, block.head.raw)
                planned.length += block.head.raw
                yield header, block

    def content_of(job: tuple[Header, CodedBlock]) -> bytes:
        header, block = job
        prior = find(header.model, priors)
        return decode_block(block.head, block.payload, header.level, block.offset, prior)

    for content in _in_order(content_of, blocks(), threads):
        whole.add(content)
        out.write(content)
        if progress:
            progress(len(content))
    if parser.end is not None:
        whole.check(_known(parser.header), parser.end)
    if parser.rest or source.read(1):
        raise _more(read - len(parser.rest))
    return read, whole.length


def _known(header: Header | None) -> Header:
    if header is None:
        raise CorruptStream("no header")
    return header


def _read(source: BinaryIO, count: int) -> bytes:
    """Full blocks from a pipe too, which gives what it has."""
    out = bytearray()
    while len(out) < count:
        data = source.read(count - len(out))
        if not data:
            break
        out += data
    return bytes(out)


def _in_order(work: Callable[[_In], _Out], jobs: Iterable[_In], threads: int | None) -> Iterator[_Out]:
    """Results in the order of their jobs; no more jobs are taken than threads are busy."""
    count = threads or os.cpu_count() or 1
    if count == 1:
        yield from map(work, jobs)
        return
    running: deque[Future[_Out]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for job in jobs:
                running.append(pool.submit(work, job))
                if len(running) >= count:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()


def _cut(offset: int) -> CorruptStream:
    return CorruptStream("the stream is cut short", offset=offset, advice="Fetch it again.")


def _more(offset: int) -> CorruptStream:
    return CorruptStream("something follows the end of the stream", offset=offset)
