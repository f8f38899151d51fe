"""The command ``sapwood``: its commands, and how any of them ends.

Errors are one line on stderr and an exit code of ``sapwood.errors``; a traceback means a bug in Sapwood.
"""

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from sapwood.cli.lazy_group import BROKEN_PIPE, LazyGroup
from sapwood.errors import SapwoodError, Unavailable, exit_codes, storage_error

__all__ = ["main", "sapwood"]

# 128 and the signal's number, as with BROKEN_PIPE.
INTERRUPTED: Final = 130

_REPOSITORY: Final = (
    "init",
    "add",
    "rm",
    "status",
    "commit",
    "log",
    "show",
    "compare",
    "blame",
    "branch",
    "switch",
    "checkout",
    "restore",
    "merge",
    "cherry-pick",
    "revert",
    "reset",
    "tag",
    "reflog",
    "clone",
    "remote",
    "fetch",
    "pull",
    "push",
    "export",
    "archive",
    "gc",
    "fsck",
    "config",
)


def _epilog() -> str:
    rows = [(0, "success"), *((row.code, f"{row.name}: {row.meaning}") for row in exit_codes())]
    rows += [
        (INTERRUPTED, "interrupted from the keyboard"),
        (BROKEN_PIPE, "the reader of the output went away"),
    ]
    return "\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in rows)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_epilog(),
    commands_in={
        "diff": "sapwood.cli.diff",
        "apply": "sapwood.cli.apply",
        "verify": "sapwood.cli.verify",
        "info": "sapwood.cli.info",
        "inspect": "sapwood.cli.inspect",
        "stats": "sapwood.cli.stats",
        "chain": "sapwood.cli.chain.group",
        "plan": "sapwood.cli.fleet_plan",
        "device": "sapwood.cli.device.group",
        "fingerprint": "sapwood.cli.fingerprint.group",
        "keygen": "sapwood.cli.keygen",
        "sign": "sapwood.cli.sign",
        "compress": "sapwood.cli.compress",
        "decompress": "sapwood.cli.decompress",
        "encode": "sapwood.cli.encode",
        "decode": "sapwood.cli.decode",
        "train": "sapwood.cli.train",
        "bench": "sapwood.cli.bench",
        "tx": "sapwood.cli.tx",
        "rx": "sapwood.cli.rx",
        "link": "sapwood.cli.link",
        **{name: f"sapwood.cli.repository.{name.replace('-', '_')}" for name in _REPOSITORY},
        # A word of Python's.
        "import": "sapwood.cli.repository.import_",
        "git": "sapwood.cli.git.group",
    },
    sections={
        "Commands for patches": "diff",
        "Commands for any bytes": "encode",
        "Commands for serial lines": "tx",
        "Commands for repositories": "init",
    },
)
@click.version_option(package_name="sapwood", message="%(prog)s %(version)s")
def sapwood() -> None:
    """Bit-exact patches between versions of a model's weights, and repositories of all versions.

    A model is a file or a folder of files, in any format. safetensors, GGUF, TFLite, ONNX, PyTorch and NumPy
    files are understood; others are carried as plain bytes.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding lacks is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = sapwood.main(arguments, prog_name="sapwood", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as left:
        code = left.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except SapwoodError as error:
        code = _refuse(error)
    except (KeyboardInterrupt, click.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        code = BROKEN_PIPE
    except OSError as error:
        code = _refuse(storage_error(error, str(error.filename or "")))
    except MemoryError:
        code = _refuse(Unavailable("this machine has too little memory for it"))
    if code == BROKEN_PIPE:
        # Python flushes stdout once more when it ends, which would fail again.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(error: SapwoodError) -> int:
    click.echo(f"sapwood: {error}", err=True)
    return error.exit_code
