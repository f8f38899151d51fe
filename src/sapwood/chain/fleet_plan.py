"""Which patches a fleet needs: what its devices run, what they shall run, and the patches that there are."""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from sapwood.chain.chain import Chain
from sapwood.chain.container import MAGIC as CHAIN_MAGIC
from sapwood.chain.fleet_graph import NOTHING, Edge, Way, ways_to
from sapwood.chain.version_names import VersionNames
from sapwood.codec.encode import Level
from sapwood.errors import WrongCall, storage_error
from sapwood.patch.apply import Progress
from sapwood.patch.calls import diff
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.manifest import Manifest
from sapwood.patch.patch import Patch, PathLike, without_waiting

__all__ = ["FleetPlan", "Group", "Missing", "plan"]

VersionName = TypeVar("VersionName", bound=PathLike | None)


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """Devices that run the same version.

    Attributes:
        name: As it was given.
        version: Digest of what they run; ``NOTHING`` if nothing.
        devices: How many they are.
        way: The patches that each fetches, in order; None if there is no way.
        hash: What made ``version``.
    """

    name: str
    version: bytes
    devices: int
    way: Way | None
    hash: HashKind = HashKind.BLAKE3

    @property
    def sent(self) -> int:
        """Bytes sent to all of them."""
        return self.way.size * self.devices if self.way is not None else 0


@dataclasses.dataclass(frozen=True, slots=True)
class Missing:
    """A patch that is not there, and what it would change if it were.

    Attributes:
        name: The group it would start from; it leads to the target.
        size: Its bytes.
        saved: Bytes fewer to send, over all devices that have a way today.
        reached: Devices that have no way today and would have one.
    """

    name: str
    size: int
    saved: int
    reached: int


@dataclasses.dataclass(frozen=True, slots=True)
class FleetPlan:
    """What each group does.

    Attributes:
        target: Digest of the version wanted.
        groups: In the order given.
        kept: Patches on the way of some group, in order of their names.
        unneeded: The others.
        missing: Patches that would help, the best first; only where they were asked for.
    """

    target: bytes
    groups: tuple[Group, ...]
    kept: tuple[Edge, ...]
    unneeded: tuple[Edge, ...]
    missing: tuple[Missing, ...] = ()

    @property
    def sent(self) -> int:
        """Bytes sent over the fleet."""
        return sum(group.sent for group in self.groups)

    @property
    def unreachable(self) -> tuple[Group, ...]:
        """Groups from which no patches lead to the target."""
        return tuple(group for group in self.groups if group.way is None)


class _Runs(NamedTuple):
    """Devices that run a version, and what made its digest."""

    name: str
    devices: int
    hash: HashKind


def plan(
    patches: Iterable[PathLike],
    runs: Mapping[VersionName, int],
    to: PathLike,
    *,
    fresh: bool = False,
    level: str | Level = Level.DEFAULT,
    threads: int | None = None,
    progress: Progress | None = None,
) -> FleetPlan:
    """Find for each group of devices the patches of fewest bytes that lead to what it shall run.

    Only manifests and records are read; the patches are not proved. A patch without a base is a way for every
    device. A version has a digest for each hash that patches use; a model given by its path joins them.

    Args:
        patches: Paths of patches and chains.
        runs: What devices run and how many do: a model's path, the digest of one in hexadecimal (8 digits do
            if a patch knows it), or None for nothing.
        to: What they shall run, a path or a digest.
        fresh: Also make, and drop, the patch from each model given to the target given, to tell which would
            save most. It takes as long as those diffs.
        level: Of those.
        threads: Likewise; as many as the processor has by default.
        progress: Called with target bytes done and in all, anew for each of them.

    Raises:
        WrongCall: A count is negative, a digest stands for no version or for more than one, two groups run
            the same, or ``fresh`` has no models.
        MissingInput: There is no such model, patch or chain.
        BadData: A patch or chain is damaged, or its links do not lead on.
    """
    found = sorted(edge for path in patches for edge in _edges(os.fspath(path)))
    names = VersionNames(found, threads)
    target = names.digest(os.fspath(to))
    given = [_given(version, devices, names) for version, devices in runs.items()]
    # Every model given is read by now: what they are to patches of two hashes is known.
    target, edges = names.one(target), [names.joined(edge) for edge in found]
    fleet: dict[bytes, _Runs] = {}
    models: dict[bytes, str] = {}
    for name, digest, devices in given:
        version = names.one(digest)
        if version in fleet:
            raise WrongCall("two groups run the same", path=name, found=fleet[version].name)
        fleet[version] = _Runs(name, devices, names.hash(version))
        if version != NOTHING and Path(name).exists():
            models[version] = name
    groups = _groups(fleet, ways_to(target, edges))
    used = {edge for group in groups if group.way is not None for edge in group.way.edges}
    missing: tuple[Missing, ...] = ()
    if fresh:
        if not models or not Path(to).exists():
            raise WrongCall("fresh patches are made from models: give paths and not digests")
        made = {digest: name for digest, name in models.items() if digest != target}
        sizes = _fresh_sizes(made, os.fspath(to), level=level, threads=threads, progress=progress)
        missing = _worth(fleet, target, edges, groups, sizes)
    return FleetPlan(
        target,
        groups,
        tuple(edge for edge in edges if edge in used),
        tuple(edge for edge in edges if edge not in used),
        missing,
    )


def _given(version: PathLike | None, devices: int, names: VersionNames) -> tuple[str, bytes, int]:
    """A group by its name, and the digest of what it runs."""
    if devices < 0:
        raise WrongCall("a group has no fewer than 0 devices", path=str(version), found=devices)
    if version is None:
        return "none", NOTHING, devices
    return os.fspath(version), names.digest(os.fspath(version)), devices


def _edges(path: str) -> list[Edge]:
    """The patches of a file, which is one or a chain of them."""
    try:
        with open(path, "rb", opener=without_waiting) as stream:
            is_chain = stream.read(len(CHAIN_MAGIC)) == CHAIN_MAGIC
    except OSError as error:
        raise storage_error(error, path) from error
    if not is_chain:
        patch = Patch(path)
        if patch.manifest.second_base.digest:
            raise WrongCall("needs a second base, and a device has one model", path=path)
        return [_edge(path, patch.size, patch.manifest)]
    chain = Chain(path)
    chain.check_finished()
    return [
        Edge(link.size, f"{path}#{link.number}", link.base.digest, link.target.digest, chain.hash)
        for link in chain.links
    ]


def _edge(name: str, size: int, manifest: Manifest) -> Edge:
    return Edge(size, name, manifest.base.digest or NOTHING, manifest.target.digest, manifest.hash)


def _groups(fleet: Mapping[bytes, _Runs], ways: Mapping[bytes, Way]) -> tuple[Group, ...]:
    anew = ways.get(NOTHING)
    return tuple(
        Group(runs.name, digest, runs.devices, ways.get(digest, anew), runs.hash)
        for digest, runs in fleet.items()
    )


def _fresh_sizes(
    models: Mapping[bytes, str],
    to: str,
    *,
    level: str | Level,
    threads: int | None,
    progress: Progress | None,
) -> dict[bytes, int]:
    """Bytes of the patch from each model to the target."""
    sizes = {}
    with contextlib.ExitStack() as stack:
        try:
            room = stack.enter_context(tempfile.TemporaryDirectory(prefix="sapwood-"))
        except OSError as error:
            raise storage_error(error, tempfile.gettempdir()) from error
        for digest, path in models.items():
            made = diff(path, to, Path(room, "patch"), level=level, threads=threads, progress=progress)
            sizes[digest] = made.size
    return sizes


def _worth(
    fleet: Mapping[bytes, _Runs],
    target: bytes,
    edges: Sequence[Edge],
    today: Sequence[Group],
    sizes: Mapping[bytes, int],
) -> tuple[Missing, ...]:
    """What each new patch to the target would change, those that change nothing left out."""
    found = []
    for digest, size in sizes.items():
        new = Edge(size, "", digest, target)
        pairs = list(zip(today, _groups(fleet, ways_to(target, [*edges, new])), strict=True))
        saved = sum(old.sent - group.sent for old, group in pairs if old.way is not None)
        reached = sum(group.devices for old, group in pairs if old.way is None and group.way is not None)
        if saved or reached:
            found.append(Missing(fleet[digest].name, size, saved, reached))
    return tuple(sorted(found, key=lambda missing: (-missing.reached, -missing.saved, missing.name)))
