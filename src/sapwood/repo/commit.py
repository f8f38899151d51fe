"""Commits and annotated tags: who, when, why, and what was measured."""

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sapwood.codec.varint import ByteReader, put_signed, put_unsigned
from sapwood.errors import BadData, LimitExceeded, WrongCall
from sapwood.repo import encoding, limits

__all__ = ["Commit", "Signature", "Tag"]

_MOST_ZONE_MINUTES = 24 * 60
# Years 1 to 9999, less a day for zones.
_LEAST_SECONDS, _MOST_SECONDS = -62_135_510_400, 253_402_214_400


class Signature(NamedTuple):
    """Who did something and when.

    Attributes:
        who: ``Name <address>``, or a name alone.
        seconds: Since 1970 began in UTC.
        zone: Minutes east of Greenwich where it was done.
    """

    who: str
    seconds: int
    zone: int = 0

    @classmethod
    def now(cls, who: str) -> "Signature":
        """This moment, in this machine's zone."""
        here = dt.datetime.now().astimezone()
        offset = here.utcoffset() or dt.timedelta()
        return cls(who, int(here.timestamp()), round(offset.total_seconds()) // 60)

    @property
    def time(self) -> dt.datetime:
        """The moment, in its zone."""
        zone = dt.timezone(dt.timedelta(minutes=self.zone))
        return dt.datetime.fromtimestamp(self.seconds, zone)


class Commit(NamedTuple):
    """One version of everything.

    Attributes:
        tree: Digest of the tree.
        parents: Digests of the commits it came from: none for the first, two or more for a merge.
        author, committer: Who made the change, and who the commit; not the same after a cherry-pick.
        message: Its first line is the title.
        metrics: What was measured, by name.
        fields: Free texts by name.
    """

    tree: bytes
    parents: tuple[bytes, ...]
    author: Signature
    committer: Signature
    message: str
    metrics: Mapping[str, float] = MappingProxyType({})
    fields: Mapping[str, str] = MappingProxyType({})

    @property
    def title(self) -> str:
        """The first line of the message."""
        return self.message.strip().partition("\n")[0]

    def encode(self) -> bytes:
        """The bytes of the object.

        Raises:
            WrongCall: A text or a number of it cannot be in a commit.
        """
        _check(self)
        out = bytearray([encoding.VERSION])
        out += self.tree
        put_unsigned(out, len(self.parents))
        for parent in self.parents:
            out += parent
        _put_signature(out, self.author)
        _put_signature(out, self.committer)
        encoding.put_text(out, self.message)
        put_unsigned(out, len(self.metrics))
        for name, value in sorted(self.metrics.items(), key=_by_bytes):
            encoding.put_text(out, name)
            encoding.put_float(out, value)
        put_unsigned(out, len(self.fields))
        for name, text in sorted(self.fields.items(), key=_by_bytes):
            encoding.put_text(out, name)
            encoding.put_text(out, text)
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes | memoryview) -> "Commit":
        """The commit of these bytes, which may come from anyone.

        Raises:
            BadData: They are none. LimitExceeded: They ask for more than a reader gives.
        """
        return encoding.read(data, "commit", _parse_commit, _encode_read)

    @classmethod
    def decode_again(cls, data: bytes) -> "Commit":
        """The commit of bytes that ``decode`` has taken before: not encoded again, which is half the time.

        Raises:
            BadData, LimitExceeded: As for ``decode``.
        """
        return encoding.read(data, "commit", _parse_commit, None)


class Tag(NamedTuple):
    """A name with a message, given to an object once and for all.

    Attributes:
        target: Digest of a commit, or of another tag.
        name: As in ``refs/tags/NAME``.
        tagger: Who gave it and when.
        message: Why.
    """

    target: bytes
    name: str
    tagger: Signature
    message: str

    def encode(self) -> bytes:
        """The bytes of the object.

        Raises:
            WrongCall: A text of it is too long, or none.
        """
        for what, text, most in (
            ("tag's name", self.name, limits.MAX_NAME_BYTES),
            ("message", self.message, limits.MAX_MESSAGE_BYTES),
        ):
            _check_text(what, text, most)
        _check_signature(self.tagger)
        out = bytearray([encoding.VERSION])
        out += self.target
        encoding.put_text(out, self.name)
        _put_signature(out, self.tagger)
        encoding.put_text(out, self.message)
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes | memoryview) -> "Tag":
        """The tag of these bytes, which may come from anyone.

        Raises:
            BadData: They are none. LimitExceeded: They ask for more than a reader gives.
        """
        return encoding.read(data, "tag", _parse_tag, cls.encode)


def _by_bytes(item: tuple[str, object]) -> bytes:
    return item[0].encode()


def _encode_read(commit: Commit) -> bytes:
    """Encode what was read: what the caller of ``encode`` does wrong is here the data's fault."""
    try:
        return commit.encode()
    except WrongCall as error:
        raise BadData(f"a commit is malformed: {error.message}", found=error.found) from error


def _check(commit: Commit) -> None:
    if len(commit.parents) > limits.MAX_PARENTS or len(set(commit.parents)) != len(commit.parents):
        raise WrongCall("a commit has too many parents, or one twice", found=len(commit.parents))
    for signature in (commit.author, commit.committer):
        _check_signature(signature)
    _check_text("message", commit.message, limits.MAX_MESSAGE_BYTES)
    for what, notes in (("metric", commit.metrics), ("field", commit.fields)):
        if len(notes) > limits.MAX_NOTES:
            raise WrongCall(f"too many {what}s", expected=limits.MAX_NOTES, found=len(notes))
        for name in notes:
            _check_text(f"name of a {what}", name, limits.MAX_NAME_BYTES)
            if not name:
                raise WrongCall(f"a {what} has no name")
    for name, value in commit.metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise WrongCall(f"metric {name!r} is not a number", found=value)
    for name, text in commit.fields.items():
        _check_text(f"field {name!r}", text, limits.MAX_VALUE_BYTES)


def _check_text(what: str, text: str, most: int) -> None:
    try:
        size = len(text.encode())
    except (UnicodeEncodeError, AttributeError) as error:
        raise WrongCall(f"the {what} is not text", found=ascii(text)) from error
    if size > most:
        raise WrongCall(f"the {what} is too long", expected=f"{most} bytes", found=size)


def _check_signature(signature: Signature) -> None:
    _check_text("author", signature.who, limits.MAX_NAME_BYTES)
    _check_time(signature)


def _check_time(signature: Signature) -> None:
    if not _LEAST_SECONDS <= signature.seconds <= _MOST_SECONDS or abs(signature.zone) >= _MOST_ZONE_MINUTES:
        raise WrongCall("the time is none of the calendar's", found=(signature.seconds, signature.zone))


def _put_signature(out: bytearray, signature: Signature) -> None:
    encoding.put_text(out, signature.who)
    put_signed(out, signature.seconds)
    put_signed(out, signature.zone)


def _get_signature(reader: ByteReader) -> Signature:
    signature = Signature(
        encoding.get_text(reader, "author", limits.MAX_NAME_BYTES),
        reader.signed("time"),
        reader.signed("time zone"),
    )
    try:
        # The name came as text of a length that is allowed.
        _check_time(signature)
    except WrongCall as error:
        raise BadData(error.message, found=error.found) from error
    return signature


def _count(reader: ByteReader, what: str, most: int) -> int:
    count = reader.unsigned(f"number of {what}")
    if count > most:
        raise LimitExceeded(f"too many {what}", expected=most, found=count)
    return count


def _parse_commit(reader: ByteReader) -> Commit:
    tree = encoding.get_digest(reader, "tree")
    parents = tuple(
        encoding.get_digest(reader, "parent") for _ in range(_count(reader, "parents", limits.MAX_PARENTS))
    )
    author, committer = _get_signature(reader), _get_signature(reader)
    message = encoding.get_text(reader, "message", limits.MAX_MESSAGE_BYTES)
    metrics = {}
    for _ in range(_count(reader, "metrics", limits.MAX_NOTES)):
        name = encoding.get_text(reader, "name of a metric", limits.MAX_NAME_BYTES)
        metrics[name] = encoding.get_float(reader, "metric")
    fields = {}
    for _ in range(_count(reader, "fields", limits.MAX_NOTES)):
        name = encoding.get_text(reader, "name of a field", limits.MAX_NAME_BYTES)
        fields[name] = encoding.get_text(reader, "field", limits.MAX_VALUE_BYTES)
    return Commit(tree, parents, author, committer, message, metrics, fields)


def _parse_tag(reader: ByteReader) -> Tag:
    return Tag(
        encoding.get_digest(reader, "target"),
        encoding.get_text(reader, "tag's name", limits.MAX_NAME_BYTES),
        _get_signature(reader),
        encoding.get_text(reader, "message", limits.MAX_MESSAGE_BYTES),
    )
