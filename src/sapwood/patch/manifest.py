"""The manifest: what an update is, from what, to what, and the digest of every block (SPEC, "Manifest").

A list of records: tag, length, bytes. A reader that does not know an odd tag refuses the patch; an even one
it may pass over. No I/O here.
"""

import dataclasses
import enum
from typing import Final

from sapwood.codec.varint import ByteReader, put_bytes, put_unsigned
from sapwood.errors import LimitExceeded, UnsupportedPatch
from sapwood.patch import limits
from sapwood.patch.guard import Guard, read_guards, write_guards
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.kept_spans import read_kept, write_kept

__all__ = [
    "Chunk",
    "FileEntry",
    "Manifest",
    "ModelIdentity",
    "Profile",
    "Shape",
    "leads_out",
    "read_manifest",
    "reads_whole_base",
    "write_manifest",
]


class Tag(enum.IntEnum):
    """Records of a manifest. Odd: must be understood."""

    BASE = 1
    FORMAT = 2
    TARGET = 3
    METADATA = 4
    BASE_FILES = 5
    KEY_ID = 6
    TARGET_FILES = 7
    PROFILE = 8
    CHUNKS = 9
    INTEGERS = 10
    VERSION_COUNTER = 11
    SECOND_BASE = 13
    HASH = 15
    GUARDRAILS = 17
    KEPT = 19


class Shape(enum.IntEnum):
    """What a model is on disk."""

    NONE = 0
    FILE = 1
    FOLDER = 2


@dataclasses.dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a folder: its path with ``/``, and its size in bytes."""

    path: str
    size: int


@dataclasses.dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A model by shape, size in bytes and digest (32 bytes, of ``hash``), and its files if it is a folder."""

    shape: Shape
    size: int
    digest: bytes
    files: tuple[FileEntry, ...] = ()
    hash: HashKind = HashKind.BLAKE3

    @property
    def name(self) -> str:
        """Its hash and its digest, for people."""
        return f"{self.hash.label} {self.digest.hex()}"


@dataclasses.dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive blocks: bytes of the target they make, bytes they take, and the digest of those."""

    decoded: int
    coded: int
    digest: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Profile:
    """What a device needs to apply a patch of the device profile, in bytes.

    Attributes:
        state: Memory for the decoder's model.
        window: How far back it reads what a block has made; 0: never.
        behind: How far before the place where it writes it reads the base; 0: never.
        integers: Nothing is coded as floats: a decoder built without them takes it.
    """

    state: int
    window: int
    behind: int
    integers: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """Everything a receiver must know before it reads the first block."""

    base: ModelIdentity
    target: ModelIdentity
    chunks: tuple[Chunk, ...]
    format: str = ""
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    version_counter: int = 0
    key_id: bytes = b""
    profile: Profile | None = None
    guardrails: tuple[Guard, ...] = ()
    second_base: ModelIdentity = ModelIdentity(Shape.NONE, 0, b"")
    kept: tuple[tuple[int, int], ...] = ()
    """Offsets and lengths in the target's stream of what later blocks read again."""

    @property
    def base_size(self) -> int:
        """Bytes of the base's stream before anything is made: the base, and the second base behind it."""
        return self.base.size + self.second_base.size

    @property
    def hash(self) -> HashKind:
        """What every digest in the patch is made by: of its models and of its chunks."""
        return self.target.hash


_DEVICE_PROFILE: Final = 1
_NOTHING_ELSE: Final = 1
_MOST_OFFSET: Final = (1 << 32) - 1
KEY_ID_SIZE: Final = 8
_TAGS: Final = frozenset(map(int, Tag))
NO_MODEL: Final = ModelIdentity(Shape.NONE, 0, b"")


def _put_record(out: bytearray, tag: Tag, data: bytes | bytearray) -> None:
    put_unsigned(out, tag)
    put_bytes(out, bytes(data))


def _identity(model: ModelIdentity) -> bytearray:
    if model.shape is Shape.NONE:
        return bytearray()
    out = bytearray([model.shape])
    put_unsigned(out, model.size)
    out += model.digest
    return out


def _files(model: ModelIdentity) -> bytearray:
    out = bytearray()
    if model.shape is not Shape.FOLDER:
        return out
    put_unsigned(out, len(model.files))
    for file in model.files:
        put_bytes(out, file.path.encode())
        put_unsigned(out, file.size)
    return out


def _metadata(pairs: dict[str, str]) -> bytearray:
    out = bytearray()
    for key, value in sorted(pairs.items()):
        put_bytes(out, key.encode())
        put_bytes(out, value.encode())
    return out


def _unsigned(*values: int) -> bytearray:
    out = bytearray()
    for value in values:
        put_unsigned(out, value)
    return out


def _profile(profile: Profile | None) -> bytearray:
    if profile is None:
        return bytearray()
    return bytearray([_DEVICE_PROFILE]) + _unsigned(profile.state, profile.window, profile.behind)


def _chunks(chunks: tuple[Chunk, ...]) -> bytearray:
    out = bytearray([len(chunks[0].digest) if chunks else 0])
    for chunk in chunks:
        out += _unsigned(chunk.decoded, chunk.coded)
        out += chunk.digest
    return out


def _check_one_hash(manifest: Manifest) -> None:
    models = (manifest.base, manifest.second_base)
    if any(model.shape is not Shape.NONE and model.hash is not manifest.hash for model in models):
        raise AssertionError("a patch names all its models by one hash")


def write_manifest(manifest: Manifest) -> bytes:
    """The manifest as bytes; records in the order of their tags."""
    _check_one_hash(manifest)
    optional: dict[Tag, bytes | bytearray] = {
        Tag.BASE: _identity(manifest.base),
        Tag.FORMAT: manifest.format.encode(),
        Tag.METADATA: _metadata(manifest.metadata),
        Tag.BASE_FILES: _files(manifest.base),
        Tag.KEY_ID: manifest.key_id,
        Tag.TARGET_FILES: _files(manifest.target),
        Tag.PROFILE: _profile(manifest.profile),
        Tag.INTEGERS: bytes([_NOTHING_ELSE]) if manifest.profile and manifest.profile.integers else b"",
        Tag.VERSION_COUNTER: _unsigned(manifest.version_counter) if manifest.version_counter else b"",
        Tag.SECOND_BASE: _identity(manifest.second_base),
        Tag.HASH: b"" if manifest.hash is HashKind.BLAKE3 else bytes([manifest.hash]),
        Tag.GUARDRAILS: write_guards(manifest.guardrails),
        Tag.KEPT: write_kept(manifest.kept),
    }
    records = {tag: data for tag, data in optional.items() if data}
    records |= {Tag.TARGET: _identity(manifest.target), Tag.CHUNKS: _chunks(manifest.chunks)}
    out = bytearray()
    for tag in sorted(records):
        _put_record(out, tag, records[tag])
    return bytes(out)


def _text(data: memoryview, reader: ByteReader, what: str) -> str:
    try:
        return bytes(data).decode()
    except UnicodeDecodeError:
        raise reader.error(f"{what} is not UTF-8") from None


def _read_hash(reader: ByteReader) -> HashKind:
    number = reader.byte("number of a hash")
    if number != HashKind.SHA256:
        raise UnsupportedPatch(
            "the digests of the patch are of a hash that this version lacks",
            expected=HashKind.SHA256.value,
            found=number,
            advice="Update sapwood.",
        )
    return HashKind.SHA256


def _read_identity(reader: ByteReader, kind: HashKind) -> ModelIdentity:
    shape = reader.byte("shape of a model")
    if shape not in (Shape.FILE, Shape.FOLDER):
        raise reader.error("unknown shape of a model", expected="1 or 2", found=shape)
    size = reader.unsigned("size of a model")
    return ModelIdentity(Shape(shape), size, bytes(reader.take(32, "digest")), hash=kind)


def leads_out(path: str) -> bool:
    """Whether a file's path could name something outside its folder, on any system."""
    # A colon names a drive or a stream on Windows, a backslash is its other slash.
    return any(sign in path for sign in "\\\0:") or any(p in ("", ".", "..") for p in path.split("/"))


def _safe_path(data: memoryview, reader: ByteReader) -> str:
    # Limited before it is split: the check for folders takes time by the square of the depth.
    if len(data) > limits.MAX_PATH or bytes(data).count(b"/") > limits.MAX_DEPTH:
        raise LimitExceeded(
            "the path of a file is too long or too deep",
            expected=f"{limits.MAX_PATH} bytes and {limits.MAX_DEPTH} levels",
            found=f"{len(data)} bytes",
        )
    path = _text(data, reader, "path of a file")
    if leads_out(path):
        raise reader.error("a file's path leads out of its folder", found=path)
    return path


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]


def _read_files(reader: ByteReader) -> tuple[FileEntry, ...]:
    count = reader.unsigned("count of files")
    if count > limits.MAX_FILES:
        raise LimitExceeded("too many files in a patch", expected=limits.MAX_FILES, found=count)
    files: list[FileEntry] = []
    folders_taken: set[str] = set()
    for _ in range(count):
        path = _safe_path(reader.prefixed("path of a file"), reader)
        if files and path <= files[-1].path:
            raise reader.error("files are not in the order of their paths", found=path)
        if any(parent in folders_taken for parent in _parents(path)):
            raise reader.error("a file is also a folder", found=path)
        folders_taken.add(path)
        files.append(FileEntry(path, reader.unsigned("size of a file")))
    return tuple(files)


def _read_chunks(reader: ByteReader) -> tuple[Chunk, ...]:
    digest_size = reader.byte("size of chunk digests")
    if digest_size not in (8, 32) and reader.left:
        raise reader.error("chunk digests of unknown size", expected="8 or 32", found=digest_size)
    chunks = []
    while reader.left:
        decoded = reader.unsigned("decoded size of a chunk")
        coded = reader.unsigned("coded size of a chunk")
        if decoded == 0 or coded == 0:
            raise reader.error("a chunk is empty")
        if coded > limits.MAX_CHUNK:
            raise LimitExceeded("a chunk is too large", expected=limits.MAX_CHUNK, found=coded)
        chunks.append(Chunk(decoded, coded, bytes(reader.take(digest_size, "digest of a chunk"))))
    return tuple(chunks)


def reads_whole_base(manifest: Manifest) -> bool:
    """Whether DEVICE blocks can name offsets in the base: one file, or none, below 4 GiB."""
    base = manifest.base
    only = manifest.second_base.shape is Shape.NONE and not manifest.kept
    return only and base.shape is not Shape.FOLDER and base.size <= _MOST_OFFSET


def _read_integers(reader: ByteReader) -> bool:
    if reader.byte("number of what elements are") == _NOTHING_ELSE:
        return True
    reader.take(reader.left, "what elements are")
    return False


def _read_profile(reader: ByteReader, *, integers: bool) -> Profile | None:
    if reader.byte("number of a profile") != _DEVICE_PROFILE:
        reader.take(reader.left, "profile")
        return None
    return Profile(
        reader.unsigned("state of a profile"),
        reader.unsigned("window of a profile"),
        reader.unsigned("reach of a profile"),
        integers,
    )


def _read_metadata(reader: ByteReader) -> dict[str, str]:
    pairs: dict[str, str] = {}
    last: str | None = None
    while reader.left:
        key = _text(reader.prefixed("metadata key"), reader, "metadata key")
        if last is not None and key <= last:
            raise reader.error("metadata keys are not in order", found=key)
        last = key
        pairs[key] = _text(reader.prefixed("metadata value"), reader, "metadata value")
    return pairs


def _with_files(
    model: ModelIdentity, files: tuple[FileEntry, ...] | None, reader: ByteReader
) -> ModelIdentity:
    if (model.shape is Shape.FOLDER) != (files is not None):
        raise reader.error("a folder and its list of files do not go together")
    if files is None:
        return model
    if sum(f.size for f in files) != model.size:
        raise reader.error("the files do not add up", expected=model.size, found=sum(f.size for f in files))
    return dataclasses.replace(model, files=files)


def _read_records(data: bytes | memoryview, offset: int) -> tuple[dict[Tag, ByteReader], ByteReader]:
    reader = ByteReader(data, offset)
    records: dict[Tag, ByteReader] = {}
    last = count = 0
    while reader.left:
        tag = reader.unsigned("tag of a record")
        if tag <= last:
            raise reader.error("records are not in the order of their tags", found=tag)
        last = tag
        count += 1
        if count > limits.MAX_RECORDS:
            raise LimitExceeded("too many records in a manifest", expected=limits.MAX_RECORDS)
        body = reader.prefixed("record")
        if tag in _TAGS:
            records[Tag(tag)] = ByteReader(body, offset + reader.at - len(body))
        elif tag & 1:
            raise UnsupportedPatch(
                f"the patch needs a feature (record {tag}) that this version lacks", advice="Update sapwood."
            )
    return records, reader


def read_manifest(data: bytes | memoryview, offset: int = 0) -> Manifest:
    """Parse a manifest that begins at ``offset`` of its patch.

    Raises:
        CorruptPatch: It does not add up.
        UnsupportedPatch: It holds an odd tag, or a hash, that this version does not know.
        LimitExceeded: It is larger than limits.py allows.
    """
    records, reader = _read_records(data, offset)
    if Tag.TARGET not in records or Tag.CHUNKS not in records:
        raise reader.error("the manifest lacks its target or its chunks")
    kind = _read_hash(records[Tag.HASH]) if Tag.HASH in records else HashKind.BLAKE3
    base, second_base = (
        _read_identity(records[tag], kind) if tag in records else NO_MODEL
        for tag in (Tag.BASE, Tag.SECOND_BASE)
    )
    target = _read_identity(records[Tag.TARGET], kind)
    base_files = _read_files(records[Tag.BASE_FILES]) if Tag.BASE_FILES in records else None
    target_files = _read_files(records[Tag.TARGET_FILES]) if Tag.TARGET_FILES in records else None
    chunks = _read_chunks(records[Tag.CHUNKS])
    counter = (
        records[Tag.VERSION_COUNTER].unsigned("version counter") if Tag.VERSION_COUNTER in records else 0
    )
    if Tag.KEY_ID in records and records[Tag.KEY_ID].left != KEY_ID_SIZE:
        raise records[Tag.KEY_ID].error("a key id has 8 bytes", found=records[Tag.KEY_ID].left)
    integers = Tag.INTEGERS in records and _read_integers(records[Tag.INTEGERS])
    text = records[Tag.FORMAT].data if Tag.FORMAT in records else memoryview(b"")
    manifest = Manifest(
        base=_with_files(base, base_files, reader),
        target=_with_files(target, target_files, reader),
        chunks=chunks,
        format=_text(text, reader, "format name"),
        metadata=_read_metadata(records[Tag.METADATA]) if Tag.METADATA in records else {},
        version_counter=counter,
        key_id=bytes(records[Tag.KEY_ID].data) if Tag.KEY_ID in records else b"",
        profile=_read_profile(records[Tag.PROFILE], integers=integers) if Tag.PROFILE in records else None,
        guardrails=read_guards(records[Tag.GUARDRAILS]) if Tag.GUARDRAILS in records else (),
        second_base=second_base,
        kept=read_kept(records[Tag.KEPT], target.size) if Tag.KEPT in records else (),
    )
    if Tag.SECOND_BASE in records and (Tag.BASE not in records or Tag.PROFILE in records):
        raise reader.error("a second base without a first, or for a device")
    if Tag.KEPT in records and Tag.PROFILE in records:
        raise reader.error("kept spans for a device")
    if sum(c.decoded for c in chunks) != target.size:
        raise reader.error("the chunks do not make the target", expected=target.size)
    for tag, record in records.items():
        if record.left and tag not in (Tag.FORMAT, Tag.KEY_ID):
            raise record.error(f"record {tag.name} holds bytes left over", found=record.left)
    return manifest
