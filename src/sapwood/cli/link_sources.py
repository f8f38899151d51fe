"""What tx and link send: files and pipes, coded or not."""

import os
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sapwood.cli.byte_files import model_in
from sapwood.errors import WrongCall, storage_error

if TYPE_CHECKING:
    from sapwood.bytecoder import Level, Prior
    from sapwood.link.frames import StreamType
    from sapwood.link.pushing import Push
    from sapwood.link.source import Source

__all__ = ["push_of"]

STANDARD = "-"


def push_of(
    source: str,
    compress: str,
    name: str | None = None,
    kind: "StreamType | None" = None,
    model: "Prior | None" = None,
) -> "Push":
    """A file, or standard input, ready to be sent.

    Args:
        source: A path, or ``-``.
        compress: A level of the learned coder, or ``none``.
        name: What to call it, if not by the file's name.
        kind: What it is; by its content if not given.
        model: The trained model to code it with, which the other end is sent if it lacks it.
    """
    from sapwood.bytecoder import Level
    from sapwood.link.frames import Coding, StreamType
    from sapwood.link.pushing import Push, push_of_model
    from sapwood.patch.container import MAGIC

    if kind is StreamType.BYTE_MODEL:
        return push_of_model(model_in(source), Path(source).name)
    level = None if compress == "none" else Level[compress.upper()]
    if source != STANDARD and Path(source).is_dir():
        raise WrongCall("is a folder", path=source, advice="Send its files, or a tar archive through a pipe.")
    try:
        file = sys.stdin.buffer if source == STANDARD else Path(source).open("rb")  # noqa: SIM115  sent later
        mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise storage_error(error, source) from error
    if stat.S_ISREG(mode):
        if kind is None:
            kind = StreamType.PATCH if os.pread(file.fileno(), len(MAGIC), 0) == MAGIC else StreamType.FILE
        make = _file_maker(file, source, level, model)
    else:
        make = _pipe_maker(file, level, model)
    called = name if name is not None else "" if source == STANDARD else Path(source).name
    coding = Coding.NONE if level is None else Coding.LEARNED
    return Push(make, called, kind or StreamType.BYTES, coding, model=model)


def _file_maker(
    file: BinaryIO, shown: str, level: "Level | None", model: "Prior | None"
) -> "Callable[[Sequence[bytes]], Source]":
    """A source that is coded, if at all, with the model; without one, with what the other end has.

    All but short files without a model are coded before the line is opened: later it would seem a silence.
    """
    from sapwood.link.coding import SHORT, encoded_file
    from sapwood.link.source import FileSource

    if level is None or model is not None or os.fstat(file.fileno()).st_size > SHORT:
        ready = FileSource(file if level is None else encoded_file(file, level, (), model), shown)
        return lambda _: ready
    return lambda models: FileSource(encoded_file(file, level, models), shown)


def _pipe_maker(
    file: BinaryIO, level: "Level | None", model: "Prior | None"
) -> "Callable[[Sequence[bytes]], Source]":
    from sapwood.link.coding import EncodingPipe
    from sapwood.link.source import PipeSource

    if level is None:
        return lambda _: PipeSource(file.fileno())
    pipe = EncodingPipe(file, level, model)
    return lambda _: PipeSource(pipe.descriptor, lambda: pipe.failure)
