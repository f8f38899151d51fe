"""Training that commits while it runs: checkpoints of a run, kept, dropped and resumed exactly.

What brings a framework is imported apart: ``huggingface``, ``lightning``, ``keras``, ``torch_group``.
"""

from sapwood.train.policy import Best, Every, Keep
from sapwood.train.run import Checkpoint, Run
from sapwood.train.sampler import ResumableSampler
from sapwood.train.saver import Saver, Stateful
from sapwood.train.shards import Shard
from sapwood.train.training_state import TrainingState

__all__ = [
    "Best",
    "Checkpoint",
    "Every",
    "Keep",
    "ResumableSampler",
    "Run",
    "Saver",
    "Shard",
    "Stateful",
    "TrainingState",
]
