"""Base and target -> patch. Every block is decoded and compared before it becomes part of one."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO, Final

from sapwood import _core
from sapwood.codec.block import Block
from sapwood.codec.encode import Level, encode_span
from sapwood.codec.leaps import encode_spans
from sapwood.codec.predicted import reads_second_base
from sapwood.codec.quantised import QuantisedPair, has_term
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
from sapwood.patch.kept_spans import KeptSpans
from sapwood.patch.manifest import NO_MODEL, Manifest, Profile
from sapwood.patch.plan import Piece, plan
from sapwood.patch.predict_job import code_related, code_scaled
from sapwood.patch.predict_tensors import with_terms
from sapwood.patch.quantised_pairs import code_pair
from sapwood.patch.repeats import with_repeats
from sapwood.patch.report import DiffReport, KindTotals
from sapwood.patch.second_base import with_seconds
from sapwood.patch.signing import SigningKey, authentication_by, key_id
from sapwood.patch.simpler import RECORD, simpler_blocks
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
    """A finished job: its blocks and what must be said before them; none for what goes into a splice."""

    job: Job
    blocks: tuple[Block, ...]
    is_copy: bool
    changed: float
    factors: tuple[Block, ...] = ()

    @property
    def length(self) -> int:
        """Bytes of the target."""
        return self.job.length


def _code_quantised(job: Job, pair: QuantisedPair, old: memoryview, new: memoryview, level: Level) -> _Coded:
    if pair.crosses:
        return _Coded(job, (code_pair(pair, old, job.base or 0, new, level),), False, 1.0)
    if _core.equal(old, new):
        return _Coded(job, (), True, 0.0)
    block = code_pair(pair, old, job.base or 0, new, level)
    factors = pair.term.blocks if pair.term is not None and has_term(block) else ()
    return _Coded(job, (block,), False, _core.changed_share(old, new, 1, _PAGE, 8 * _PAGE), factors)


def _code(job: Job, base: ByteStream, target: ByteStream, level: Level) -> _Coded:
    new = target.read(job.start, job.length)
    if job.relation is not None and job.base is not None and job.element is not None:
        other = base.read(job.base, job.relation.bytes_of_base(job.length, job.element))
        if isinstance(job.relation, QuantisedPair):
            return _code_quantised(job, job.relation, other, new, level)
        if job.relation.base_element is job.element and _core.equal(other, new):
            return _Coded(job, (), True, 0.0)
        move = job.relation.second_move
        second = None if move is None else base.read(job.base + move, len(other))
        block, factors = code_related(
            other, job.base, new, job.element, level, relation=job.relation, second=second
        )
        return _Coded(job, (block,), False, float(block.base is None), factors)
    old = base.read(job.base, job.length) if job.base is not None else None
    if old is not None and _core.equal(old, new):
        return _Coded(job, (), True, 0.0)
    if job.element is None:
        return _Coded(job, (), False, 0.0)
    if old is None:
        return _Coded(job, (encode_span(None, 0, new, job.element, level),), False, 0.0)
    blocks = encode_spans(old, job.base or 0, new, job.element, level)
    cost = sum(len(block.payload) for block in blocks)
    scaled = code_scaled(old, job.base or 0, new, job.element, level, cost=cost)
    if scaled is not None and len(scaled.payload) < cost:
        blocks = (scaled,)
    # Counted last, while all of it is in the cache.
    changed = _core.changed_share(old, new, job.element.width, _PAGE, 8 * _PAGE)
    return _Coded(job, blocks, False, changed)


def _report(old: Model, target: Model, threads: int, level: Level) -> DiffReport:
    sizes = ByteStream.of(old).size, ByteStream.of(target).size
    report = DiffReport(*sizes, threads=threads, level=level.name.lower())
    report.format = target.files[0].layout.format if len(target.files) == 1 else "folder"
    report.warnings = tuple(dict.fromkeys((*old.warnings, *target.warnings)))
    return report


def _account(report: DiffReport, coded: _Coded, base_size: int) -> None:
    job = coded.job
    size = sum(len(block.payload) for block in coded.blocks)
    width = job.element.width if job.element is not None else 1
    for kind, length in job.kinds.items():
        totals = report.kinds.setdefault(kind, KindTotals())
        totals.bytes_in += length
        totals.bytes_out += size * length / job.length
        if job.base is not None and job.base < base_size:
            totals.elements += length // width
            totals.changed += coded.changed * (length // width)


def _assemble(
    coded: Iterator[_Coded], assembler: Assembler, target: ByteStream, done: Callable[[_Coded], None]
) -> None:
    for item in coded:
        job = item.job
        if item.is_copy:
            assembler.copy(job.base or 0, job.length)
        elif not item.blocks:
            assembler.literal(target.read(job.start, job.length))
        for block in item.blocks:
            assembler.block(block, item.factors)
        done(item)


def _account_block(report: DiffReport, coded: DeviceBlock) -> None:
    for kind, length in coded.kinds.items():
        totals = report.kinds.setdefault(kind, KindTotals())
        totals.bytes_in += length
        totals.bytes_out += len(coded.block.payload) * length / coded.block.length


def _assemble_for_device(
    blocks: Iterable[DeviceBlock],
    device: DeviceLimits,
    assembler: Assembler,
    done: Callable[[DeviceBlock], None],
) -> Profile:
    """Every block in a chunk of its own; returns what they take to decode."""
    window = behind = 0
    for coded in blocks:
        assembler.block(coded.block)
        assembler.end_chunk()
        window, behind = max(window, coded.window), max(behind, coded.behind)
        done(coded)
    return Profile(device.state, window, behind, device.integers)


def write_patch(out: BinaryIO, manifest: Manifest, key: SigningKey | None, chunks: Spool) -> int:
    """A patch of finished chunks into ``out``; returns its size."""
    head = opening_bytes(manifest, authentication_by(key))
    size = len(head)
    out.write(head)
    if key is not None:
        size += out.write(key.sign(head))
    for data in chunks.pieces():
        size += len(data)
        out.write(data)
    return size


def _pieces(old: Model, target: Model, also: Model | None, *, repeats: bool) -> tuple[list[Piece], KeptSpans]:
    """The target as pieces, and what of it is kept for later ones that repeat it."""
    pieces = plan(old, target)
    if not repeats:
        return pieces, KeptSpans()
    bases = [file.data for model in (old, also) if model for file in model.files]
    if also is not None:
        pieces = list(with_seconds(pieces, also, ByteStream.of(old).size))
    return with_repeats(pieces, (old, target), ByteStream(bases), ByteStream.of(target))


def _simplified(assembler: Assembler, spool: Spool, old: Model, target: Model, level: Level) -> Assembler:
    """The same one; or, if blocks for the target as a whole take less than its own, another that has them."""
    cost = sum(chunk.coded + len(chunk.digest) + RECORD for chunk in assembler.finish())
    cost += RECORD * len(assembler.kept.spans)
    chosen = assembler
    for block in simpler_blocks(old, target, level, cost):
        if chosen is assembler:
            spool.clear()
            chosen = dataclasses.replace(assembler, chunks=[], splice_payload=0, kept=KeptSpans())
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
    key: SigningKey | None = None,
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
    also = also if base is not None and device is None else None
    base_stream = ByteStream([file.data for model in (old, also) if model for file in model.files])
    target_stream = ByteStream.of(target)
    report = _report(old, target, threads, level)
    done = 0
    reads_second = False

    def finished(item: _Coded | DeviceBlock) -> None:
        nonlocal done, reads_second
        if isinstance(item, _Coded):
            reads_second |= any(map(reads_second_base, item.blocks))
            _account(report, item, base_stream.size)
        else:
            _account_block(report, item)
        done += item.length
        if progress is not None:
            progress(done, target_stream.size)

    kind = HashKind.BLAKE3 if device is None else HashKind.SHA256
    with open_spool(spool_folder) as spool, Workers(threads) as workers:
        identities = Identities(base, target, workers, kind)
        pieces, kept = _pieces(old, target, also, repeats=device is None)
        # Behind the bases, as blocks see it.
        seen = base_stream.followed_by(kept.views(target_stream))

        def code(job: Job) -> _Coded:
            identities.coming(job)
            return _code(job, seen, target_stream, level)

        assembler = Assembler(
            base_stream.size,
            PLAIN_DIGEST if key is None else SIGNED_DIGEST,
            spool.write,
            seen.read,
            target_stream.read,
            target_stream.size,
            level,
            kind,
            kept,
        )
        profile = None
        if device is not None:
            blocks = device_blocks(pieces, base_stream, target_stream, device)
            profile = _assemble_for_device(blocks, device, assembler, finished)
        else:
            known = None if adapter is None else Adapter(adapter)
            whole = with_terms(pieces, seen, target_stream, level, workers, adapter=known)
            work = jobs(whole, file_starts(target.files), lambda at: base_stream.size + kept.before(at))
            coded = workers.map(code, work)
            _assemble(coded, assembler, target_stream, finished)
            plainest = _simplified(assembler, spool, old, target, level)
            reads_second &= plainest is assembler
            assembler = plainest
        chunks = assembler.finish()
        report.kinds.setdefault("glue", KindTotals()).bytes_out += assembler.splice_payload
        manifest = Manifest(
            base=identities.base(),
            target=identities.target(),
            chunks=chunks,
            format=report.format,
            metadata=dict(metadata or {}),
            version_counter=version_counter,
            key_id=key_id(key),
            profile=profile,
            guardrails=guardrails,
            # What is kept lies behind it, and would lie elsewhere without it.
            second_base=identify(also, threads, kind)
            if also and (reads_second or assembler.kept.spans)
            else NO_MODEL,
            kept=assembler.kept.spans,
        )
        report.patch_size = write_patch(out, manifest, key, spool)
    report.seconds = time.perf_counter() - started
    return report
