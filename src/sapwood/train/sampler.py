"""A sampler of which is known how far it is, so that training goes on in the middle of an epoch."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import numpy as np

from sapwood.errors import BadData, WrongCall
from sapwood.train.training_state import random_states, set_random_states

__all__ = ["ResumableSampler"]

Batch = TypeVar("Batch")


class ResumableSampler:
    """The numbers 0 to ``length`` - 1, shuffled anew each epoch from ``seed``, from where it was.

    For ``torch.utils.data.DataLoader(dataset, sampler=...)``, or for any loop of one's own. A loader fetches
    ahead of the training, so the sampler cannot know alone how far the training is: ``counted`` does, which
    goes round the loader.

        sampler = ResumableSampler(len(dataset), seed=0)
        loader = DataLoader(dataset, batch_size=8, sampler=sampler)
        for batch in sampler.counted(loader, batch_size=8):   # one epoch, or the rest of one
            ...

    The order of an epoch comes from NumPy's legacy generator (MT19937), whose streams do not change.

    Args:
        length: How many samples there are.
        seed: Other seeds, other orders.
        shuffle: False: in order.
        rank: With ``world``: only each ``world``-th number from ``rank`` on, the rest beyond a multiple left
            out. world: How many processes share the samples.
    """

    def __init__(
        self, length: int, *, seed: int = 0, shuffle: bool = True, rank: int = 0, world: int = 1
    ) -> None:
        if length < 0 or not 0 <= rank < world or not 0 <= seed < 1 << 32:
            raise WrongCall("a sampler cannot be so", found=(length, seed, rank, world))
        self._length, self._seed, self._shuffle = length, seed, shuffle
        self._rank, self._world = rank, world
        self.epoch = 0
        self.position = 0

    def __len__(self) -> int:
        """Samples of this process in a whole epoch."""
        return self._length // self._world

    def __iter__(self) -> Iterator[int]:
        """The rest of the epoch."""
        order = np.arange(self._length)
        if self._shuffle:
            bits = np.random.MT19937(np.random.SeedSequence([self._seed, self.epoch]))
            order = np.random.RandomState(bits).permutation(self._length)
        mine = order[self._rank :: self._world][: len(self)]
        return iter(mine[self.position :].tolist())

    def counted(self, batches: Iterable[Batch], *, batch_size: int) -> Iterator[Batch]:
        """The rest of an epoch's batches, each counted as used when it is handed out.

        To begin in the middle of an epoch draws nothing from the global random generators, where a loader's
        first batch would: what follows is as if the epoch had not been left.

        Args:
            batches: A loader that takes this sampler.
            batch_size: Samples a batch; the last may have fewer.
        """
        states = random_states() if self.position else None
        iterator = iter(batches)
        if states is not None:
            set_random_states(states)
        for batch in iterator:
            self.position = min(self.position + batch_size, len(self))
            yield batch
        self.epoch += 1
        self.position = 0

    def state_dict(self) -> dict[str, int | bool]:
        """Where it is, and of which samples."""
        return {
            "epoch": self.epoch,
            "position": self.position,
            "length": self._length,
            "seed": self._seed,
            "shuffle": self._shuffle,
            "rank": self._rank,
            "world": self._world,
        }

    def load_state_dict(self, state: Mapping[str, int | bool]) -> None:
        """Go on from there.

        Raises:
            BadData: It is the state of a sampler of other samples.
        """
        mine = self.state_dict()
        same = ("length", "seed", "shuffle", "rank", "world")
        if set(state) != set(mine) or any(state[key] != mine[key] for key in same):
            raise BadData("the state is of another sampler", expected=mine, found=dict(state))
        epoch, position = state["epoch"], state["position"]
        if type(epoch) is not int or type(position) is not int or epoch < 0 or not 0 <= position <= len(self):
            raise BadData("a sampler cannot be there", found=dict(state))
        self.epoch, self.position = epoch, position
