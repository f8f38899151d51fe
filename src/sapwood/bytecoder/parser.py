"""Cuts a stream into blocks as its bytes come in, however they are cut; decodes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from sapwood.bytecoder.container import BLOCK_HEAD_SIZE, END_SIZE, HEADER_SIZE, BlockHead, End, Header

__all__ = ["CodedBlock", "Parser"]


@dataclass(frozen=True, slots=True)
class CodedBlock:
    """A block as it came, and where its payload stands in the stream."""

    head: BlockHead
    payload: bytes
    offset: int


class Parser:
    """What is known of a stream so far. Holds a block's bytes at most, beside what was fed and not asked for.

    Attributes:
        header: The stream's header, once it came.
        end: The stream's end, once it came; what was fed behind it is ``rest``.
    """

    def __init__(self) -> None:
        self.header: Header | None = None
        self.end: End | None = None
        self._held = bytearray()
        self._offset = 0
        self._head: BlockHead | None = None

    @property
    def rest(self) -> bytes:
        """Bytes behind the end."""
        return bytes(self._held) if self.end else b""

    def feed(self, data: bytes) -> None:
        """Take more of the stream."""
        self._held += data

    def blocks(self) -> Iterator[CodedBlock]:
        """The blocks that are whole by now, each once.

        Raises:
            CorruptStream: What came is not such a stream, or is damaged.
            UnsupportedStream: It needs a newer Sapwood.
        """
        while self.end is None:
            if self.header is None:
                data = self._take(HEADER_SIZE)
                if data is None:
                    return
                self.header = Header.parse(data)
            if self._head is None:
                data = self._take(BLOCK_HEAD_SIZE)
                if data is None:
                    return
                self._head = BlockHead.parse(data, self.header, self._offset - BLOCK_HEAD_SIZE)
            head = self._head
            data = self._take(head.coded if head.raw else END_SIZE)
            if data is None:
                return
            self._head = None
            if head.raw == 0:
                self.end = End.parse(data)
            else:
                yield CodedBlock(head, data, self._offset - len(data))

    def _take(self, count: int) -> bytes | None:
        if len(self._held) < count:
            return None
        data = bytes(self._held[:count])
        del self._held[:count]
        self._offset += count
        return data
