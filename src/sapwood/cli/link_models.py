"""Where trained models of the byte coder are kept that came over a link."""

import os
from pathlib import Path

from sapwood.link.model_folder import ModelFolder

__all__ = ["users_models"]


def users_models() -> ModelFolder | None:
    """``sapwood/models`` in the user's cache, by the XDG Base Directory Specification; None without one."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # A relative path counts for nothing.
    if named.is_absolute():
        return ModelFolder(named / "sapwood" / "models")
    try:
        return ModelFolder(Path("~/.cache/sapwood/models").expanduser())
    except RuntimeError:
        return None
