"""Power cuts at every operation on flash, of the engine as built for a Cortex-M3.

An update is run once, and what it does to flash is noted. What a power cut leaves is the flash up to one of
these operations and, if that one was torn, some of its bits; the memory is lost. So each such flash is given
to a device that starts anew.

``python -m tests.device.thumb.sweep [PAIR] [--step N] [--in-place] [--torn]`` prints how many points there
are, and how many failed.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.device.patches import Pair, make_pair
from tests.device.thumb.machine import DONE, MORE, Device, Layout, Operation, Symbols, build, change

SLOTS: Final = Layout()
IN_PLACE: Final = Layout(slot=64 << 10, in_place=True)


class Found(NamedTuple):
    """Points where power was cut, of them those that failed, and why."""

    points: int
    failures: list[str]


def a_device(symbols: Symbols, layout: Layout, pair: Pair) -> Device:
    """One that has the base."""
    base = pair.base.read_bytes()
    device = Device(symbols, layout, pair.patch.read_bytes())
    above = layout.slot - -(-len(base) // layout.sector) * layout.sector
    device.provision(above if layout.in_place else 0, base)
    device.operations.clear()
    return device


def _cuts(
    flash: bytes, marks: bytes, operations: list[Operation], layout: Layout, *, step: int, torn: bool
) -> Iterator[tuple[int, bytearray, bytearray]]:
    """Flash and its programmed units, as a cut before or within operations 0, step, ... leaves them."""
    now, programmed = bytearray(flash), bytearray(marks)
    for number, operation in enumerate(operations):
        if number % step == 0:
            left, marked = bytearray(now), bytearray(programmed)
            if torn:
                change(left, marked, layout, operation, random.Random(number))
            yield number, left, marked
        change(now, programmed, layout, operation)


def what_fails(device: Device, pair: tuple[bytes, bytes], *, in_place: bool) -> str:
    """Why what follows a cut is not as it must be; empty if it is."""
    result, model = device.boot()
    if not (result == DONE and model in pair) and not (result == MORE and in_place):
        return "no model to boot"
    result = device.call("run_update")
    if device.fault:
        return device.fault
    if result != DONE or device.boot() != (DONE, pair[1]):
        return f"the update ended with {result}"
    return ""


def sweep(symbols: Symbols, layout: Layout, pair: Pair, *, step: int, torn: bool) -> Found:
    """Cut power at operations 0, step, 2 step, ... of an update, before them or within."""
    device = a_device(symbols, layout, pair)
    models = pair.base.read_bytes(), pair.target.read_bytes()
    flash, marks = device.flash, bytes(device.programmed)
    assert device.call("run_update") == DONE
    operations = list(device.operations)
    points, failures = 0, []
    for number, left, marked in _cuts(flash, marks, operations, layout, step=step, torn=torn):
        device.restart(left, marked)
        points += 1
        if why := what_fails(device, models, in_place=layout.in_place):
            failures.append(f"operation {number}: {why}")
    return Found(points, failures)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pair", nargs="?", default="my_cnn_lastlayer")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--in-place", action="store_true")
    parser.add_argument("--torn", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        layout = IN_PLACE if options.in_place else SLOTS
        pair = make_pair(options.pair, Path(folder))
        found = sweep(build(Path(folder)), layout, pair, step=options.step, torn=options.torn)
    sys.stdout.write(f"{found.points} points, {len(found.failures)} failures\n" + "\n".join(found.failures))
    return bool(found.failures)


if __name__ == "__main__":
    sys.exit(main())
