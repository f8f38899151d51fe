"""The process group of PyTorch as shards. Importing this imports PyTorch."""

import secrets

import torch
import torch.distributed

from sapwood.errors import WrongCall
from sapwood.train.shards import Shard

__all__ = ["shard_of_group"]

_SESSION_BYTES = 16


def shard_of_group(*, timeout: float = 600.0) -> Shard:
    """This process in the default group; all processes of the group must call it.

    Raises:
        WrongCall: There is no process group.
    """
    group = torch.distributed
    if not group.is_available() or not group.is_initialized():
        raise WrongCall("torch.distributed has no process group", advice="Call init_process_group first.")
    device = "cuda" if group.get_backend() == "nccl" else "cpu"
    session = torch.tensor(list(secrets.token_bytes(_SESSION_BYTES)), dtype=torch.uint8, device=device)
    group.broadcast(session, src=0)
    return Shard(group.get_rank(), group.get_world_size(), bytes(session.tolist()).hex(), timeout)
