"""HDF5 files written field by field, so that a test can put any of them wrong."""

import struct

MAGIC = b"\x89HDF\r\n\x1a\n"
NOWHERE = (1 << 64) - 1
F32 = struct.pack("<B3BIHHBBBBI", 0x11, 0x20, 31, 0, 4, 0, 32, 23, 8, 0, 23, 127)
SPACE, LINK_INFO, TYPE, LINK, LAYOUT, CONTINUED, SYMBOLS = 0x01, 0x02, 0x03, 0x06, 0x08, 0x10, 0x11


def message(kind: int, body: bytes, flags: int = 0) -> bytes:
    return struct.pack("<HHB3x", kind, len(body), flags) + body


def header(*messages: bytes, version: int = 1) -> bytes:
    body = b"".join(messages)
    return struct.pack("<BxHIII", version, len(messages), 1, len(body), 0) + body


def second_header(*messages: bytes, version: int = 2) -> bytes:
    body = b"".join(messages)
    return b"OHDR" + struct.pack("<BBI", version, 2, len(body)) + body + bytes(4)


def space(*sizes: int, version: int = 1, rank: int | None = None) -> bytes:
    return message(
        SPACE,
        struct.pack(f"<BB6x{len(sizes)}Q", version, len(sizes) if rank is None else rank, *sizes),
    )


def link(name: str, at: int, version: int = 1) -> bytes:
    text = name.encode()
    return message(LINK, struct.pack("<BBI", version, 2, len(text)) + text + struct.pack("<Q", at))


def contiguous(at: int, length: int, version: int = 3) -> bytes:
    return message(LAYOUT, struct.pack("<BBQQ", version, 1, at, length))


def chunked(at: int, *sizes: int) -> bytes:
    return message(LAYOUT, struct.pack(f"<BBBQ{len(sizes)}I", 3, 2, len(sizes), at, *sizes))


def chunk_tree(*children: int, level: int = 0, stored: int = 8, kind: int = 1, step: int = 2) -> bytes:
    """A node over chunks of a data set of one dimension; child ``i`` begins at element ``i * step``."""
    entries = b"".join(struct.pack("<IIQQQ", stored, 0, i * step, 0, c) for i, c in enumerate(children))
    return b"TREE" + struct.pack("<BBHQQ", kind, level, len(children), NOWHERE, NOWHERE) + entries


def group_tree(*children: int, level: int = 0, kind: int = 0) -> bytes:
    entries = b"".join(struct.pack("<QQ", 0, child) for child in children)
    return b"TREE" + struct.pack("<BBHQQ", kind, level, len(children), NOWHERE, NOWHERE) + entries


def symbols(*entries: tuple[int, int], version: int = 1) -> bytes:
    body = b"".join(struct.pack("<QQ24x", name, at) for name, at in entries)
    return b"SNOD" + struct.pack("<BxH", version, len(entries)) + body


def heap(at: int, texts: bytes, version: int = 0, size: int | None = None) -> bytes:
    """A local heap at ``at``, with its texts behind it."""
    told = len(texts) if size is None else size
    return b"HEAP" + struct.pack("<B3xQQQ", version, told, NOWHERE, at + 32) + texts


class Writer:
    """Puts blocks one after the other behind a superblock of version 2."""

    def __init__(self) -> None:
        self.data = bytearray(48)

    @property
    def at(self) -> int:
        """Where the next block goes."""
        return len(self.data)

    def put(self, block: bytes) -> int:
        """Where the block is."""
        at = self.at
        self.data += block + bytes(-len(block) % 8)
        return at

    def file(self, root: int, *, version: int = 2, widths: int = 8, base: int = 0, more: int = 0) -> bytes:
        fields = struct.pack("<BBBBQQQQ", version, widths, 8, 0, base, NOWHERE, self.at + more, root)
        return MAGIC + fields + bytes(4) + bytes(self.data[48:])


def one(*messages: bytes, data: bytes = b"abcdefgh") -> bytes:
    """A file of the data set ``x`` with these messages; its data lies at 48."""
    writer = Writer()
    writer.put(data)
    return writer.file(writer.put(header(link("x", writer.put(header(*messages))))))
