"""Base and target -> patch. Every block is decoded and compared before it becomes part of one."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sapwood import _core
from sapwood.codec.block import MAX_BLOCK, Block, Codec
from sapwood.codec.device_segment import STATES
from sapwood.codec.encode import Level, encode_plain, encode_span
from sapwood.codec.predicted import reads_second_base
from sapwood.codec.quantised import QuantisedPair
from sapwood.codec.zstandard_frames import compress_against, decompress_against
from sapwood.formats.model import Model
from sapwood.patch.adapter import Adapter
from sapwood.patch.assemble import Assembler
from sapwood.patch.byte_stream import ByteStream, file_starts
from sapwood.patch.container import PLAIN_DIGEST, SIGNED_DIGEST, opening_bytes
from sapwood.patch.device_plan import DeviceBlock, DeviceLimits, device_blocks
from sapwood.patch.digest import identify
from sapwood.patch.guard import Guard
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.identities import Identities
from sapwood.patch.jobs import Job, jobs
from sapwood.patch.manifest import NO_MODEL, Manifest, Profile
from sapwood.patch.plan import Piece, plan
from sapwood.patch.predict_job import code_related, code_scaled
from sapwood.patch.predict_tensors import with_terms
from sapwood.patch.quantised_pairs import code_pair
from sapwood.patch.report import DiffReport, KindTotals
from sapwood.patch.second_base import with_seconds
from sapwood.patch.signing import key_id
from sapwood.patch.spool import Spool, open_spool
from sapwood.patch.workers import Workers
from sapwood.patch.writable import check_for_device, check_writable

__all__ = ["Progress", "diff_models", "write_patch"]

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""

# For the report, changes are counted on a page of every eight.
_PAGE: Final = 8 << 10


@dataclasses.dataclass(slots=True)
class _Coded:
    """A finished job: a block and what must be said before it, or None for what goes into a splice."""

    job: Job
    block: Block | None
    is_copy: bool
    changed: float
    factors: tuple[Block, ...] = ()


def _code_quantised(job: Job, pair: QuantisedPair, old: memoryview, new: memoryview, level: Level) -> _Coded:
    if pair.crosses:
        return _Coded(job, code_pair(pair, old, job.base or 0, new, level), False, 1.0)
    if _core.equal(old, new):
        return _Coded(job, None, True, 0.0)
    block = code_pair(pair, old, job.base or 0, new, level)
    return _Coded(job, block, False, _core.changed_share(old, new, 1, _PAGE, 8 * _PAGE))


def _code(job: Job, base: ByteStream, target: ByteStream, level: Level) -> _Coded:
    new = target.read(job.start, job.length)
    if job.relation is not None and job.base is not None and job.element is not None:
        other = base.read(job.base, job.relation.bytes_of_base(job.length, job.element))
        if isinstance(job.relation, QuantisedPair):
            return _code_quantised(job, job.relation, other, new, level)
        if job.relation.base_element is job.element and _core.equal(other, new):
            return _Coded(job, None, True, 0.0)
        move = job.relation.second_move
        second = None if move is None else base.read(job.base + move, len(other))
        block, factors = code_related(
            other, job.base, new, job.element, level, relation=job.relation, second=second
        )
        return _Coded(job, block, False, float(block.base is None), factors)
    old = base.read(job.base, job.length) if job.base is not None else None
    if old is not None and _core.equal(old, new):
        return _Coded(job, None, True, 0.0)
    if job.element is None:
        return _Coded(job, None, False, 0.0)
    block = encode_span(old, job.base or 0, new, job.element, level)
    if old is None:
        return _Coded(job, block, False, 0.0)
    scaled = code_scaled(old, job.base or 0, new, job.element, level, cost=len(block.payload))
    if scaled is not None and len(scaled.payload) < len(block.payload):
        block = scaled
    # Counted last, while all of it is in the cache.
    changed = _core.changed_share(old, new, job.element.width, _PAGE, 8 * _PAGE)
    return _Coded(job, block, False, changed)


def _report(old: Model, target: Model, threads: int, level: Level) -> DiffReport:
    sizes = ByteStream.of(old).size, ByteStream.of(target).size
    report = DiffReport(*sizes, threads=threads, level=level.name.lower())
    report.format = target.files[0].layout.format if len(target.files) == 1 else "folder"
    report.warnings = tuple(dict.fromkeys((*old.warnings, *target.warnings)))
    return report


def _account(report: DiffReport, coded: _Coded) -> None:
    job = coded.job
    size = len(coded.block.payload) if coded.block is not None else 0
    width = job.element.width if job.element is not None else 1
    for kind, length in job.kinds.items():
        totals = report.kinds.setdefault(kind, KindTotals())
        totals.bytes_in += length
        totals.bytes_out += size * length / job.length
        if job.base is not None:
            totals.elements += length // width
            totals.changed += coded.changed * (length // width)


# What a chunk takes in the manifest and a block in its chunk, beside digest and payload.
_RECORD: Final = 8


# Up to this much, a model is also tried as one DEVICE block: it takes a second for a MB.
_SEGMENTED_TO: Final = {Level.FAST: 0, Level.DEFAULT: 256 << 10, Level.MAX: MAX_BLOCK}


def _simpler(old: Model, new: Model, level: Level, cost: int) -> Iterable[Block]:
    """Blocks for the target as a whole, if they take less than ``cost`` bytes; none otherwise.

    Of many tiny tensors every one may cost more as a block of its own than it holds.
    """
    base, target = ByteStream.of(old), ByteStream.of(new)
    if target.size > MAX_BLOCK:
        if cost <= target.size:
            return ()
        steps = range(0, target.size, MAX_BLOCK)
        return (encode_plain(target.read(at, min(MAX_BLOCK, target.size - at)), level) for at in steps)
    if target.size == 0:
        return ()
    found = [encode_plain(target.read(0, target.size), level)]
    if level is not Level.FAST and 0 < base.size <= MAX_BLOCK:
        found.append(_whole_file(base, target))
        if target.size <= _SEGMENTED_TO[level] and not old.is_folder:
            # It knows what no other codec does: that scales follow from other scales.
            blocks = device_blocks(plan(old, new), base, target, DeviceLimits(STATES[-1]))
            found += [coded.block for coded in blocks]
    best = min(found, key=lambda block: len(block.payload))
    return (best,) if len(best.payload) + 2 * _RECORD < cost else ()


def _whole_file(base: ByteStream, target: ByteStream) -> Block:
    """A small model as one zstd frame against the whole base: what retrained small models come down to."""
    old, new = base.read(0, base.size), target.read(0, target.size)
    frame = compress_against(old, new)
    if decompress_against(old, frame) != new:
        raise AssertionError("zstd did not give back what it was given")
    return Block(Codec.ZSTD_BASE, target.size, frame, (0, base.size))


def _assemble(
    coded: Iterator[_Coded], assembler: Assembler, target: ByteStream, done: Callable[[_Coded], None]
) -> None:
    for item in coded:
        job = item.job
        if item.block is not None:
            assembler.block(item.block, item.factors)
        elif item.is_copy:
            assembler.copy(job.base or 0, job.length)
        else:
            assembler.literal(target.read(job.start, job.length))
        done(item)


def _account_block(report: DiffReport, coded: DeviceBlock) -> None:
    for kind, length in coded.kinds.items():
        totals = report.kinds.setdefault(kind, KindTotals())
        totals.bytes_in += length
        totals.bytes_out += len(coded.block.payload) * length / coded.block.length


def _assemble_for_device(
    blocks: Iterable[DeviceBlock], state: int, assembler: Assembler, done: Callable[[DeviceBlock], None]
) -> Profile:
    """Every block in a chunk of its own; returns what they take to decode."""
    window = behind = 0
    for coded in blocks:
        assembler.block(coded.block)
        assembler.end_chunk()
        window, behind = max(window, coded.window), max(behind, coded.behind)
        done(coded)
    return Profile(state, window, behind)


def write_patch(out: BinaryIO, manifest: Manifest, key: Ed25519PrivateKey | None, chunks: Spool) -> int:
    """A patch of finished chunks into ``out``; returns its size."""
    head = opening_bytes(manifest, key is not None)
    size = len(head)
    out.write(head)
    if key is not None:
        size += out.write(key.sign(head))
    for data in chunks.pieces():
        size += len(data)
        out.write(data)
    return size


def _pieces(old: Model, target: Model, also: Model | None) -> Iterable[Piece]:
    pieces = plan(old, target)
    return pieces if also is None else with_seconds(pieces, also, ByteStream.of(old).size)


def _simplified(assembler: Assembler, spool: Spool, old: Model, target: Model, level: Level) -> Assembler:
    """The same one; or, if blocks for the target as a whole take less than its own, another that has them."""
    cost = sum(chunk.coded + len(chunk.digest) + _RECORD for chunk in assembler.finish())
    chosen = assembler
    for block in _simpler(old, target, level, cost):
        if chosen is assembler:
            spool.clear()
            chosen = dataclasses.replace(assembler, chunks=[], splice_payload=0)
        chosen.block(block)
    return chosen


def diff_models(
    base: Model | None,
    target: Model,
    out: BinaryIO,
    *,
    level: Level = Level.DEFAULT,
    threads: int = 1,
    metadata: Mapping[str, str] | None = None,
    version_counter: int = 0,
    key: Ed25519PrivateKey | None = None,
    progress: Progress | None = None,
    spool_folder: str | None = None,
    device: DeviceLimits | None = None,
    guardrails: tuple[Guard, ...] = (),
    adapter: Model | None = None,
    also: Model | None = None,
) -> DiffReport:
    """Write the patch from ``base`` (None: a patch without one) to ``target``; returns what it did.

    Blocks above 64 MiB in all wait in an unnamed file in ``spool_folder`` until the manifest is known.
    With ``device`` the patch is of the device profile, for a decoder within those limits; it is made on one
    thread. ``adapter``: where to begin the search for a merged one.
    ``also``: a second base, which the patch names if any block reads it.
    The bytes written depend on the models, the level and the other arguments, never on ``threads``.
    """
    started = time.perf_counter()
    old = Model("", False, ()) if base is None else base
    check_writable((old, target), metadata or {}, version_counter)
    if device is not None:
        check_for_device(old, target, device)
    seconds = () if also is None or base is None or device is not None else also.files
    base_stream = ByteStream([file.data for file in (*old.files, *seconds)])
    target_stream = ByteStream.of(target)
    report = _report(old, target, threads, level)
    done = 0
    reads_second = False

    def finished(item: _Coded | DeviceBlock) -> None:
        nonlocal done, reads_second
        if isinstance(item, _Coded):
            reads_second |= item.block is not None and reads_second_base(item.block)
            _account(report, item)
            done += item.job.length
        else:
            _account_block(report, item)
            done += item.block.length
        if progress is not None:
            progress(done, target_stream.size)

    kind = HashKind.BLAKE3 if device is None else HashKind.SHA256
    with open_spool(spool_folder) as spool, Workers(threads) as workers:
        identities = Identities(base, target, workers, kind)

        def code(job: Job) -> _Coded:
            identities.coming(job)
            return _code(job, base_stream, target_stream, level)

        assembler = Assembler(
            base_stream.size,
            PLAIN_DIGEST if key is None else SIGNED_DIGEST,
            spool.write,
            base_stream.read,
            target_stream.read,
            target_stream.size,
            level,
            kind,
        )
        profile = None
        if device is not None:
            blocks = device_blocks(plan(old, target), base_stream, target_stream, device)
            profile = _assemble_for_device(blocks, device.state, assembler, finished)
        else:
            pieces = _pieces(old, target, also if seconds else None)
            known = None if adapter is None else Adapter(adapter)
            pieces = with_terms(pieces, base_stream, target_stream, level, workers, adapter=known)
            work = jobs(pieces, frozenset(file_starts(target.files)))
            coded = workers.map(code, work)
            _assemble(coded, assembler, target_stream, finished)
            plainest = _simplified(assembler, spool, old, target, level)
            reads_second &= plainest is assembler
            assembler = plainest
        chunks = assembler.finish()
        glue = report.kinds.setdefault("glue", KindTotals())
        glue.bytes_out += assembler.splice_payload
        manifest = Manifest(
            base=identities.base(),
            target=identities.target(),
            chunks=chunks,
            format=report.format,
            metadata=dict(metadata or {}),
            version_counter=version_counter,
            key_id=key_id(key.public_key()) if key is not None else b"",
            profile=profile,
            guardrails=guardrails,
            second_base=identify(also, threads, kind) if also is not None and reads_second else NO_MODEL,
        )
        report.patch_size = write_patch(out, manifest, key, spool)
    report.seconds = time.perf_counter() - started
    return report
