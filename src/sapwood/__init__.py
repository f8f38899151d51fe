"""Sapwood: bit-exact patches between versions of a model's weights.

A patch knows the tensors inside the files, sends only what changed, and proves that the result is right.
"""

from importlib.metadata import version

from sapwood.chain.calls import chain_append, chain_create, open_chain
from sapwood.chain.chain import Chain
from sapwood.chain.fleet_plan import FleetPlan, plan
from sapwood.chain.squash import Squash, chain_squash
from sapwood.errors import SapwoodError
from sapwood.formats.layout import Layout
from sapwood.formats.model import open_model
from sapwood.kinship.calls import fingerprint, fingerprint_add, fingerprint_compare, fingerprint_find
from sapwood.kinship.compare import Comparison, Relation
from sapwood.kinship.database import Database as FingerprintDatabase
from sapwood.kinship.database import Match as FingerprintMatch
from sapwood.kinship.fingerprint import Fingerprint
from sapwood.patch.calls import apply, compress, decompress, diff, open_patch, sign, verify
from sapwood.patch.model_stats import ModelStats, TensorStats
from sapwood.patch.patch import Patch
from sapwood.patch.signing import generate_key
from sapwood.patch.stats import stats
from sapwood.patch.tensors import apply_tensors, diff_tensors

__all__ = [
    "Chain",
    "Comparison",
    "Fingerprint",
    "FingerprintDatabase",
    "FingerprintMatch",
    "FleetPlan",
    "Layout",
    "ModelStats",
    "Patch",
    "Relation",
    "SapwoodError",
    "Squash",
    "TensorStats",
    "__version__",
    "apply",
    "apply_tensors",
    "chain_append",
    "chain_create",
    "chain_squash",
    "compress",
    "decompress",
    "diff",
    "diff_tensors",
    "fingerprint",
    "fingerprint_add",
    "fingerprint_compare",
    "fingerprint_find",
    "generate_key",
    "open_chain",
    "open_model",
    "open_patch",
    "plan",
    "sign",
    "stats",
    "verify",
]

__version__: str = version("sapwood")
