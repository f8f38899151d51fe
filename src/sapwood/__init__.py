"""Sapwood: bit-exact patches between versions of a model's weights.

A patch knows the tensors inside the files, sends only what changed, and proves that the result is right.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from sapwood.errors import SapwoodError

if TYPE_CHECKING:
    from sapwood.chain.calls import chain_append, chain_create, open_chain
    from sapwood.chain.chain import Chain
    from sapwood.chain.fleet_plan import FleetPlan, plan
    from sapwood.chain.squash import Squash, chain_squash
    from sapwood.device.calls import (
        DeviceImage,
        DevicePlan,
        DeviceSimulation,
        device_image,
        device_plan,
        device_simulate,
    )
    from sapwood.device.part import Part
    from sapwood.formats.layout import Layout
    from sapwood.formats.model import open_model
    from sapwood.kinship.calls import fingerprint, fingerprint_add, fingerprint_compare, fingerprint_find
    from sapwood.kinship.compare import Comparison, Relation
    from sapwood.kinship.database import Database as FingerprintDatabase
    from sapwood.kinship.database import Match as FingerprintMatch
    from sapwood.kinship.fingerprint import Fingerprint
    from sapwood.patch.calls import apply, compress, decompress, diff, open_patch, sign, verify
    from sapwood.patch.mac_key import MacKey
    from sapwood.patch.model_stats import ModelStats, TensorStats
    from sapwood.patch.patch import Patch
    from sapwood.patch.signing import generate_key, generate_mac_key
    from sapwood.patch.stats import stats
    from sapwood.patch.tensors import apply_tensors, diff_tensors
    from sapwood.repo.repository import Repository

__all__ = [
    "Chain",
    "Comparison",
    "DeviceImage",
    "DevicePlan",
    "DeviceSimulation",
    "Fingerprint",
    "FingerprintDatabase",
    "FingerprintMatch",
    "FleetPlan",
    "Layout",
    "MacKey",
    "ModelStats",
    "Part",
    "Patch",
    "Relation",
    "Repository",
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
    "device_image",
    "device_plan",
    "device_simulate",
    "diff",
    "diff_tensors",
    "fingerprint",
    "fingerprint_add",
    "fingerprint_compare",
    "fingerprint_find",
    "generate_key",
    "generate_mac_key",
    "open_chain",
    "open_model",
    "open_patch",
    "plan",
    "sign",
    "stats",
    "verify",
]

# Where each public name comes from. A module is imported when a name of it is first used:
# a command that needs few of them starts quickly.
_HOMES = {
    "Chain": ("sapwood.chain.chain", "Chain"),
    "Comparison": ("sapwood.kinship.compare", "Comparison"),
    "DeviceImage": ("sapwood.device.calls", "DeviceImage"),
    "DevicePlan": ("sapwood.device.calls", "DevicePlan"),
    "DeviceSimulation": ("sapwood.device.calls", "DeviceSimulation"),
    "Fingerprint": ("sapwood.kinship.fingerprint", "Fingerprint"),
    "FingerprintDatabase": ("sapwood.kinship.database", "Database"),
    "FingerprintMatch": ("sapwood.kinship.database", "Match"),
    "FleetPlan": ("sapwood.chain.fleet_plan", "FleetPlan"),
    "MacKey": ("sapwood.patch.mac_key", "MacKey"),
    "Layout": ("sapwood.formats.layout", "Layout"),
    "ModelStats": ("sapwood.patch.model_stats", "ModelStats"),
    "Part": ("sapwood.device.part", "Part"),
    "Patch": ("sapwood.patch.patch", "Patch"),
    "Relation": ("sapwood.kinship.compare", "Relation"),
    "Repository": ("sapwood.repo.repository", "Repository"),
    "Squash": ("sapwood.chain.squash", "Squash"),
    "TensorStats": ("sapwood.patch.model_stats", "TensorStats"),
    "apply": ("sapwood.patch.calls", "apply"),
    "apply_tensors": ("sapwood.patch.tensors", "apply_tensors"),
    "chain_append": ("sapwood.chain.calls", "chain_append"),
    "chain_create": ("sapwood.chain.calls", "chain_create"),
    "chain_squash": ("sapwood.chain.squash", "chain_squash"),
    "compress": ("sapwood.patch.calls", "compress"),
    "decompress": ("sapwood.patch.calls", "decompress"),
    "device_image": ("sapwood.device.calls", "device_image"),
    "device_plan": ("sapwood.device.calls", "device_plan"),
    "device_simulate": ("sapwood.device.calls", "device_simulate"),
    "diff": ("sapwood.patch.calls", "diff"),
    "diff_tensors": ("sapwood.patch.tensors", "diff_tensors"),
    "fingerprint": ("sapwood.kinship.calls", "fingerprint"),
    "fingerprint_add": ("sapwood.kinship.calls", "fingerprint_add"),
    "fingerprint_compare": ("sapwood.kinship.calls", "fingerprint_compare"),
    "fingerprint_find": ("sapwood.kinship.calls", "fingerprint_find"),
    "generate_key": ("sapwood.patch.signing", "generate_key"),
    "generate_mac_key": ("sapwood.patch.signing", "generate_mac_key"),
    "open_chain": ("sapwood.chain.calls", "open_chain"),
    "open_model": ("sapwood.formats.model", "open_model"),
    "open_patch": ("sapwood.patch.calls", "open_patch"),
    "plan": ("sapwood.chain.fleet_plan", "plan"),
    "sign": ("sapwood.patch.calls", "sign"),
    "stats": ("sapwood.patch.stats", "stats"),
    "verify": ("sapwood.patch.calls", "verify"),
}

# Read when it is asked for: that takes longer than some commands.
__version__: str

# Not for type checkers, which would then take any name for one of them.
if not TYPE_CHECKING:

    def __getattr__(name):
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415

            value = globals()[name] = version("sapwood")
            return value
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, real = _HOMES[name]
        value = globals()[name] = getattr(import_module(module), real)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
