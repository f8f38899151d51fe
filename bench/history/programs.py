"""Keepers that are programs. Their start is part of every time, as it is of their users'."""

from __future__ import annotations

import json
from pathlib import Path

from bench.history.keeper import Keeper, call


class Copies(Keeper):
    """Whole files beside each other, by ``cp``: the measure of all speeds."""

    name = "copies (cp)"
    program = "cp"

    def begin(self) -> None:
        self._count = 0

    def commit(self) -> str:
        self._count += 1
        version = self.store / str(self._count)
        call("cp", self.file, version, folder=self.work)
        return version.name

    def checkout(self, version: str) -> None:
        call("cp", self.store / version, self.file, folder=self.work)


class Dvc(Keeper):
    """DVC without git; its cache holds whole files by their MD5. Files are copied, as by default on ext4."""

    name = "DVC"
    program = "dvc"

    def begin(self) -> None:
        self._call("init", "--no-scm")
        self._call("config", "core.analytics", "false")
        self._call("config", "core.check_update", "false")
        self._call("cache", "dir", str(self.store))

    def commit(self) -> str:
        self._call("add", self.file.name)
        return self._pointer.read_text()

    def checkout(self, version: str) -> None:
        self._pointer.write_text(version)
        self._call("checkout", "--force", self._pointer.name)

    @property
    def _pointer(self) -> Path:
        return self.work / f"{self.file.name}.dvc"

    def _call(self, *arguments: str) -> None:
        call("dvc", *arguments, "--quiet", folder=self.work, DVC_NO_ANALYTICS="1")


class GitLfs(Keeper):
    """git-lfs in a repository of its own."""

    name = "git-lfs"
    program = "git-lfs"

    def begin(self) -> None:
        self._git("init", "--quiet", f"--separate-git-dir={self.store}")
        self._git("lfs", "install", "--local")
        self._git("lfs", "track", self.file.name)
        self._git("add", ".gitattributes")

    def commit(self) -> str:
        self._git("add", self.file.name)
        self._git("commit", "--quiet", "--message", "Train")
        return self._git("rev-parse", "HEAD").strip()

    def checkout(self, version: str) -> None:
        self._git("checkout", "--quiet", version, "--", self.file.name)

    def _git(self, *arguments: str) -> str:
        who = {f"GIT_{role}_{key}": "bench" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        return call("git", *arguments, folder=self.work, GIT_CONFIG_GLOBAL="/dev/null", **who)


class Restic(Keeper):
    """restic, format 2, compression ``max``."""

    name = "restic"
    program = "restic"

    def begin(self) -> None:
        self._call("init", "--repository-version", "2")

    def commit(self) -> str:
        told = self._call("backup", "--compression", "max", "--json", self.file.name)
        return str(json.loads(told.splitlines()[-1])["snapshot_id"])

    def checkout(self, version: str) -> None:
        self._call("restore", version, "--target", str(self.work))

    def _call(self, *arguments: str) -> str:
        options = ("--repo", str(self.store), "--no-cache", "--quiet")
        return call("restic", *arguments, *options, folder=self.work, RESTIC_PASSWORD="bench")


class Borg(Keeper):
    """borg with zstd, not encrypted."""

    name = "borg"
    program = "borg"
    _chunks = "buzhash,19,23,21,4095"

    def begin(self) -> None:
        self._count = 0
        self._call("init", "--encryption", "none", str(self.store))

    def commit(self) -> str:
        self._count += 1
        version = f"{self.store}::{self._count}"
        options = ("--compression", "zstd,10", "--chunker-params", self._chunks)
        self._call("create", *options, version, self.file.name)
        return version

    def checkout(self, version: str) -> None:
        self._call("extract", version)

    def _call(self, *arguments: str) -> None:
        home = str(self.work.parent / "borg")
        call("borg", *arguments, folder=self.work, BORG_BASE_DIR=home, BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")


class FineBorg(Borg):
    """borg with chunks of about 8 KiB: rows of an embedding that stayed are found."""

    name = "borg, 8 KiB chunks"
    _chunks = "buzhash,11,17,13,127"
