"""The peers, one module each, in the order in which reports list them."""

from __future__ import annotations

from bench.peers.bitx import BitX
from bench.peers.bsdiff import Bsdiff
from bench.peers.hdiff import HDiff
from bench.peers.openzl_peer import OpenZLPlain, OpenZLXor
from bench.peers.pco import Pcodec, Pcodec8
from bench.peers.peer import Peer
from bench.peers.sapwood_peer import LEVELS, Sapwood
from bench.peers.xdelta3_peer import Xdelta3
from bench.peers.xor_zstd import XorZstd
from bench.peers.zipnn_peer import ZipNNPlain, ZipNNXor
from bench.peers.zstd_patch import ZstdPatch3, ZstdPatch19

PEERS: tuple[Peer, ...] = (
    BitX(),
    XorZstd(),
    Pcodec(),
    Pcodec8(),
    OpenZLXor(),
    ZipNNXor(),
    ZstdPatch3(),
    ZstdPatch19(),
    Xdelta3(),
    Bsdiff(),
    HDiff(),
    OpenZLPlain(),
    ZipNNPlain(),
)

OURS: tuple[Peer, ...] = tuple(Sapwood(level) for level in LEVELS)

# Ratios are told against this one.
REFERENCE = "bitx"


def by_name(name: str) -> Peer:
    """The peer, or level of sapwood, that reports call by this name; raises KeyError."""
    return {peer.name: peer for peer in (*OURS, *PEERS)}[name]
