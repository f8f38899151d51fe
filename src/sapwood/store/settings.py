"""What can be set of a store; kept in its index, so that all who write to it agree."""

import dataclasses
from typing import Final

from sapwood.codec.encode import Level
from sapwood.errors import WrongCall
from sapwood.store.index import Index

__all__ = ["Settings", "change", "read_settings"]

_ON_OFF: Final = {"on": True, "off": False}


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """How objects are stored.

    Attributes:
        compress: Whether whole objects are coded. Off, they stay as they are and are read without a copy, at
            1.2 (f32) to 1.5 (bf16) times the bytes.
        depth: Deltas that are decoded to read an object, at most. A longer chain begins anew nearer its root.
        level: How much time coding may take.
        own_file: Stored bytes from which an object gets a file of its own.
        pack: Bytes at which a pack is not appended to any more.
    """

    compress: bool = True
    depth: int = 8
    level: Level = Level.DEFAULT
    own_file: int = 64_000_000
    pack: int = 1 << 30

    def text(self, name: str) -> str:
        """The value of a setting as it is written."""
        value = getattr(self, name)
        if isinstance(value, Level):
            return value.name.lower()
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


_RANGES: Final = {"depth": (0, 64), "own_file": (1 << 20, 1 << 62), "pack": (1 << 20, 1 << 62)}


def _with(settings: Settings, name: str, text: str) -> Settings:
    match name:
        case "compress" if text in _ON_OFF:
            return dataclasses.replace(settings, compress=_ON_OFF[text])
        case "level" if text.upper() in Level.__members__:
            return dataclasses.replace(settings, level=Level[text.upper()])
        case "depth" | "own_file" | "pack" if text.isascii() and text.isdecimal() and len(text) < 20:
            low, high = _RANGES[name]
            if low <= int(text) <= high:
                return dataclasses.replace(settings, **{name: int(text)})  # type: ignore[arg-type]  # an int is
    raise WrongCall(
        "not a setting of a store, or not a value of it",
        found=f"{name}={text}",
        expected="compress=on|off, level=fast|default|max, depth=0..64, own_file=BYTES, pack=BYTES",
    )


def read_settings(index: Index) -> Settings:
    """The settings of a store."""
    settings = Settings()
    for field in dataclasses.fields(Settings):
        text = index.setting(field.name)
        if text is not None:
            settings = _with(settings, field.name, text)
    return settings


def change(index: Index, name: str, text: str) -> Settings:
    """Set one; objects that are there already stay as they are.

    Raises:
        WrongCall: There is no such setting, or it takes no such value.
    """
    _with(Settings(), name, text)
    index.set(name, text)
    return read_settings(index)
