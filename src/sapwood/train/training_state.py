"""All that a plain PyTorch loop has to take up again, captured and put back.

Importing this does not import PyTorch: whoever has a model has it.
"""

import random
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from sapwood.errors import BadData, WrongCall

__all__ = ["TrainingState", "random_states", "set_random_states"]


class TrainingState:
    """Model, optimizer and all else with ``state_dict`` and ``load_state_dict``, and the random generators.

        training = TrainingState(model, optimizer=optimizer, scheduler=scheduler)

    Args:
        model: The model; of a compiled or a DistributedDataParallel one, better the plain one inside.
        others: Anything with the two methods, by a name of one's own: optimizer, scheduler, scaler (of
            automatic mixed precision), sampler (see ``sapwood.train.sampler``), ema. None is left out.
    """

    def __init__(self, model: Any, **others: Any) -> None:
        """Refuses what lacks one of the two methods, by name."""
        self._parts = {"model": model, **{name: part for name, part in others.items() if part is not None}}
        if "random" in self._parts:
            raise WrongCall("the part random is taken: the generators' states are kept there")
        for name, part in self._parts.items():
            for method in ("state_dict", "load_state_dict"):
                if not callable(getattr(part, method, None)):
                    raise WrongCall(f"{name} has no {method}", found=type(part).__name__)

    def state_dict(self) -> dict[str, Any]:
        """The state of every part, and of the generators under ``random``. Tensors are not copied."""
        return {name: part.state_dict() for name, part in self._parts.items()} | {"random": random_states()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state_dict`` gave; the generators last, for loading may draw from them.

        Raises:
            BadData: The state has other parts than these.
        """
        expected, found = {*self._parts, "random"}, set(state)
        if expected != found:
            raise BadData(
                "the checkpoint has other parts than this training",
                expected=", ".join(sorted(expected)),
                found=", ".join(sorted(found)),
            )
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        set_random_states(state["random"])


def random_states() -> dict[str, Any]:
    """The states of the global generators of Python, NumPy and, if it is loaded, PyTorch and its devices."""
    states: dict[str, Any] = {"python": random.getstate(), "numpy": np.random.get_state()}
    torch = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = torch.get_rng_state()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            states["cuda"] = torch.cuda.get_rng_state_all()
        if torch.backends.mps.is_available():
            states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_states(states: Mapping[str, Any]) -> None:
    """Put back what ``random_states`` gave.

    Raises:
        BadData: They are none, or of more CUDA devices than there are.
    """
    try:
        random.setstate(states["python"])
        np.random.set_state(states["numpy"])
        if "torch" in states:
            import torch  # noqa: PLC0415  only where it was in use

            torch.set_rng_state(states["torch"].clone())
            if "cuda" in states:
                if torch.cuda.device_count() != len(states["cuda"]):
                    raise BadData(
                        "the checkpoint is of another number of CUDA devices",
                        expected=len(states["cuda"]),
                        found=torch.cuda.device_count(),
                    )
                torch.cuda.set_rng_state_all([one.clone() for one in states["cuda"]])
            if "mps" in states:
                torch.mps.set_rng_state(states["mps"].clone())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadData("not the states of random generators", found=ascii(error)) from error
