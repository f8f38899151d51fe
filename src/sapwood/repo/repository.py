"""A repository: a folder of models, and ``.sapwood`` in it with all their versions."""

from sapwood.repo.branches import Branches
from sapwood.repo.cloning import Cloning
from sapwood.repo.commits import Commits
from sapwood.repo.files import Files
from sapwood.repo.import_export import ImportExport
from sapwood.repo.ingesting import Ingesting
from sapwood.repo.remote_upkeep import RemoteUpkeep
from sapwood.repo.upkeep import Upkeep

__all__ = ["Repository"]


class Repository(Files, Commits, Branches, Cloning, Ingesting, ImportExport, Upkeep, RemoteUpkeep):
    """An open repository; use it as a context manager, or close it. Of one thread.

    >>> import numpy as np, tempfile
    >>> repo = Repository.init(tempfile.mkdtemp())
    >>> first = repo.commit({"w": np.zeros(4, np.float32)}, "Begin", metrics={"loss": 2.5})
    >>> second = repo.commit({"w": np.ones(4, np.float32)}, "Train", metrics={"loss": 1.25})
    >>> [info.commit.title for info in repo.log()]
    ['Train', 'Begin']
    >>> repo.checkout("HEAD~1")["w"].tolist()
    [0.0, 0.0, 0.0, 0.0]
    >>> repo.close()
    """
