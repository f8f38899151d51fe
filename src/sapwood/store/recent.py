"""The last few values that were asked for."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most so many values by key, the longest unused one dropped first; safe for many threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """The value, None if it is not held."""
        with self._lock:
            if key not in self._held:
                return None
            self._held.move_to_end(key)
            return self._held[key]

    def put(self, key: K, value: V) -> None:
        """Hold it."""
        with self._lock:
            self._held[key] = value
            self._held.move_to_end(key)
            while len(self._held) > self._most:
                self._held.popitem(last=False)

    def drop(self, unwanted: Callable[[V], bool]) -> None:
        """Drop those that ``unwanted`` says so of."""
        with self._lock:
            for key in [key for key, value in self._held.items() if unwanted(value)]:
                del self._held[key]

    def clear(self) -> None:
        """Drop all."""
        with self._lock:
            self._held.clear()
