"""Streams through the learned byte coder, beside the loop that drives the link."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import BinaryIO, Final

from sapwood.bytecoder import Level, Prior, decode_stream, encode_stream, general
from sapwood.bytecoder.known import Priors
from sapwood.errors import SapwoodError, storage_error

__all__ = ["SHORT", "DecodingPipe", "EncodingPipe", "decode_whole", "encoded_file"]

SHORT: Final = 1 << 20
"""Longer contents gain less than one per cent from a trained model."""


def encoded_file(
    file: BinaryIO, level: Level, models: Sequence[bytes], prior: Prior | None = None
) -> BinaryIO:
    """The whole file, coded, in a temporary one without a name.

    Args:
        file: Read from its start.
        level: The coder's.
        models: Identities of the trained models that the decoder has: the general one helps short files.
        prior: The trained model to begin with; the decoder is sent it if it lacks it.
    """
    file.seek(0)
    length = os.fstat(file.fileno()).st_size
    if prior is None and length <= SHORT and general().identity in models:
        prior = general()
    coded = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
    try:
        encode_stream(file, coded, level, length=length, prior=prior)
        coded.flush()
    except BaseException:
        coded.close()
        raise
    return coded


def decode_whole(max_size: int | None, models: Priors) -> Callable[[BinaryIO, BinaryIO], None]:
    """Decodes one file into another; more than ``max_size`` bytes are refused."""

    def decode(coded: BinaryIO, plain: BinaryIO) -> None:
        decode_stream(coded, plain, max_size=max_size, priors=models)

    return decode


class EncodingPipe:
    """Reads a file descriptor to its end in a thread of its own.

    Attributes:
        descriptor: Where the coded bytes come from.
        failure: What went wrong, if the coded bytes ended early.
    """

    def __init__(self, source: BinaryIO, level: Level, prior: Prior | None = None) -> None:
        self.failure: SapwoodError | None = None
        self.descriptor, self._end = os.pipe()
        threading.Thread(target=self._run, args=(source, level, prior), daemon=True).start()

    def _run(self, source: BinaryIO, level: Level, prior: Prior | None) -> None:
        try:
            with os.fdopen(self._end, "wb", buffering=0) as end:
                encode_stream(source, end, level, prior=prior, threads=1)
        except SapwoodError as failure:
            self.failure = failure
        except OSError as error:
            self.failure = storage_error(error, "the input")


class DecodingPipe:
    """Writes what it decodes in a thread of its own.

    Attributes:
        descriptor: Where the coded bytes go to; closed by ``finish``.
    """

    def __init__(self, out: BinaryIO, max_size: int | None, models: Priors) -> None:
        self._failure: SapwoodError | None = None
        start, self.descriptor = os.pipe()
        self._thread = threading.Thread(target=self._run, args=(start, out, max_size, models), daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait until all is written.

        Raises:
            SapwoodError: It cannot be decoded, or not be written.
        """
        with contextlib.suppress(OSError):
            os.close(self.descriptor)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self, start: int, out: BinaryIO, max_size: int | None, models: Priors) -> None:
        try:
            with os.fdopen(start, "rb", buffering=0) as coded:
                decode_stream(coded, out, max_size=max_size, priors=models)
                out.flush()
        except SapwoodError as failure:
            self._failure = failure
        except OSError as error:
            self._failure = storage_error(error, "the output")
