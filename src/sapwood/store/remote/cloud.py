"""A remote on a web server (read only) or in an object store (S3 and its like, GCS, Azure), by obstore."""

import contextlib
import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final, cast

from sapwood.errors import DamagedStore, MissingDependency, RemoteFailure, WrongCall

try:
    import obstore
    import obstore.exceptions
    import obstore.store
except ImportError as error:
    raise MissingDependency(
        "remotes on servers need obstore, which is not installed", advice="pip install 'sapwood[remote]'"
    ) from error

__all__ = ["CloudPlace"]

# More is sent in parts, several at a time.
_PART: Final = 16 << 20
_AT_ONCE: Final = 4
_RETRIES: Final[Any] = {
    "max_retries": 6,
    "backoff": {
        "init_backoff": timedelta(milliseconds=200),
        "max_backoff": timedelta(seconds=10),
        "base": 2,
    },
    "retry_timeout": timedelta(minutes=2),
}
# A URL may carry a password, which no message should show.
_USER: Final = re.compile(r"^(\w+://)[^/@]*@")
# Settings of the HTTP client, not of the service.
_CLIENT: Final = frozenset({"allow_http", "timeout", "connect_timeout", "proxy_url", "user_agent"})


class CloudPlace:
    """See ``Place``. Before its first conditional write it makes sure that conditions are heeded."""

    def __init__(self, url: str, options: dict[str, str]) -> None:
        """``options`` are obstore's (region, endpoint, access_key_id, allow_http and so on)."""
        self.name = _USER.sub(r"\1", url)
        self._heeds = False
        self._is_web = url.startswith(("http://", "https://"))
        client = {key: value for key, value in options.items() if key in _CLIENT}
        if url.startswith("http://"):
            client["allow_http"] = "true"
        service: Any = {key: value for key, value in options.items() if key not in _CLIENT}
        try:
            self._store: Any = obstore.store.from_url(
                url,
                client_options=cast(Any, _typed(client)),
                retry_config=_RETRIES,
                **({} if self._is_web else {"config": service}),
            )
        except (obstore.exceptions.BaseError, ValueError, TypeError) as error:
            raise WrongCall(f"not a remote that can be opened: {_reason(error)}", path=url) from error

    @contextlib.contextmanager
    def _told(self, path: str) -> Iterator[None]:
        try:
            yield
        except obstore.exceptions.BaseError as error:
            raise RemoteFailure(
                f"the remote failed: {_reason(error)}",
                path=f"{self.name}/{path}",
                advice="Try again: what has arrived is not sent again.",
            ) from error

    def read(self, path: str) -> bytes | None:
        """A file; None if there is none."""
        with self._told(path):
            try:
                return bytes(obstore.get(self._store, path).bytes())
            except FileNotFoundError:
                return None

    def read_span(self, path: str, offset: int, length: int) -> bytes:
        """Bytes of a file."""
        data = b""
        with self._told(path), contextlib.suppress(FileNotFoundError):
            data = bytes(obstore.get_range(self._store, path, start=offset, length=length))
        if len(data) != length:
            raise DamagedStore(
                "a file of the remote is missing or cut short", path=f"{self.name}/{path}", offset=offset
            )
        return data

    def add(self, path: str, pieces: Sequence[bytes | memoryview]) -> None:
        """Write a file that never changes."""
        self._check_writable()
        size = sum(map(len, pieces))
        with self._told(path):
            with contextlib.suppress(FileNotFoundError):
                if obstore.head(self._store, path)["size"] == size:
                    return
            if size <= _PART:
                obstore.put(self._store, path, b"".join(pieces), use_multipart=False)
            else:
                parts = (bytes(part) for piece in pieces for part in _cut(piece))
                obstore.put(self._store, path, parts, chunk_size=_PART, max_concurrency=_AT_ONCE)
            there = obstore.head(self._store, path)["size"]
        if there != size:
            raise RemoteFailure(
                "the remote kept another size than it was sent",
                path=f"{self.name}/{path}",
                expected=size,
                found=there,
            )

    def names(self, folder: str) -> dict[str, float] | None:
        """Files in a folder and when each was written; a web server does not tell."""
        if self._is_web:
            return None
        with self._told(folder):
            found = [item for some in obstore.list(self._store, f"{folder}/") for item in some]
        return {
            item["path"].rpartition("/")[2]: item["last_modified"].timestamp()
            for item in sorted(found, key=lambda item: item["path"])
        }

    def remove(self, path: str) -> None:
        """Remove a file."""
        self._check_writable()
        with self._told(path), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, path)

    def read_versioned(self, path: str) -> tuple[bytes | None, object]:
        """A file that changes, and its entity tag."""
        with self._told(path):
            try:
                found = obstore.get(self._store, path)
                return bytes(found.bytes()), _version(found.meta)
            except FileNotFoundError:
                return None, None

    def swap(self, path: str, data: bytes, version: object) -> bool:
        """Replace a file if it is still of that version.

        False also where a retried request may have met its own first try: who asks looks what is there now.
        """
        self._check_writable()
        if not self._heeds:
            self._check_heeds()
        return self._put_if(path, data, version)

    def _put_if(self, path: str, data: bytes, version: object) -> bool:
        mode: Any = "create" if version is None else version
        with self._told(path):
            try:
                obstore.put(self._store, path, data, mode=mode, use_multipart=False)
            except (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError):
                return False
            except FileNotFoundError:
                # It was removed, or never there: not the version that was asked for.
                return False
        return True

    def _check_heeds(self) -> None:
        """Refuse a service that answers yes to a conditional write whose condition does not hold.

        Raises:
            RemoteFailure: It does so: two who push at once could undo each other's work there.
        """
        path = f"probe/{secrets.token_hex(16)}"
        try:
            if not self._holds_after(path, b"first", None):
                raise self._unheeding("refuses to create a file that is not there")
            if self._put_if(path, b"second", None):
                raise self._unheeding("creates a file that is there already (If-None-Match)")
            _, version = self.read_versioned(path)
            if not self._holds_after(path, b"third", version):
                raise self._unheeding("refuses a condition that holds (If-Match)")
            if self._put_if(path, b"fourth", version):
                raise self._unheeding("overwrites a file of another version (If-Match)")
        finally:
            with contextlib.suppress(obstore.exceptions.BaseError, FileNotFoundError):
                obstore.delete(self._store, path)
        self._heeds = True

    def _holds_after(self, path: str, data: bytes, version: object) -> bool:
        """Whether a file holds ``data`` after a conditional write; a retry may have met its own first try."""
        return self._put_if(path, data, version) or self.read(path) == data

    def _unheeding(self, what: str) -> RemoteFailure:
        return RemoteFailure(
            f"the remote ignores conditional writes: it {what}",
            path=self.name,
            advice="Use a service that heeds them: two who push at once would lose commits here.",
        )

    def _check_writable(self) -> None:
        if self._is_web:
            raise WrongCall(
                "a web server is only read from", path=self.name, advice="Push to a store behind it."
            )


def _typed(client: dict[str, str]) -> dict[str, object]:
    return {
        key: value.lower() in {"1", "true", "on"} if key == "allow_http" else value
        for key, value in client.items()
    }


def _version(meta: Any) -> dict[str, str]:
    return {key: meta[key] for key in ("e_tag", "version") if meta.get(key)}


def _reason(error: Exception) -> str:
    """The first line: obstore tells of its own insides in the rest."""
    return str(error).strip().partition("\n")[0][:300]


def _cut(piece: bytes | memoryview) -> Iterator[memoryview]:
    view = memoryview(piece)
    for at in range(0, len(view), _PART):
        yield view[at : at + _PART]
