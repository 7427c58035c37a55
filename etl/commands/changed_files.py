"""Finds the mappings that changed since a revision of git: the file itself, or another file that it uses.

The rule: git is asked for file names only, and a revision is passed so that it cannot be taken for an option.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from etl.errors import UsageProblem


class RememberedFiles:
    """Reads files and remembers which: a mapping, its own steps, what `${file:…}` names."""

    def __init__(self) -> None:
        self._files: set[Path] = set()

    def __call__(self, path: Path) -> bytes:
        """The content of `path`. Raises OSError."""
        self._files.add(path)
        return path.read_bytes()

    def taken(self) -> frozenset[Path]:
        """What was read since the last call."""
        files, self._files = frozenset(self._files), set()
        return files


class ChangedFiles:
    """The files that differ from where the branch left `revision`, uncommitted and new ones too.

    `folder` lies in the repository. Raises `UsageProblem`: it does not, or the revision is not known there.
    """

    def __init__(self, revision: str, *, folder: Path) -> None:
        self._folder = folder
        self._root = Path(self._git("rev-parse", "--show-toplevel").rstrip("\n"))
        found = self._asked("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if found.returncode:
            hint = "a branch, a tag or a commit; a shallow clone does not know all of them: fetch them first"
            raise UsageProblem(f"--changed-since: there is no such revision in {self._root}", hint=hint)
        base = self._asked("merge-base", found.stdout.strip(), "HEAD")
        if base.returncode:
            hint = "a shallow clone lacks it: fetch the whole history, as actions/checkout does with fetch-depth: 0"
            raise UsageProblem("--changed-since: the revision and HEAD have no common commit", hint=hint)
        changed = self._git("diff", "--name-only", "--no-renames", "-z", base.stdout.strip(), "--")
        new = self._git("ls-files", "--others", "--exclude-standard", "-z", "--full-name", "--", str(self._root))
        self._changed = {self._root / name for name in (changed + new).split("\0") if name}

    def among(self, files: Iterable[Path]) -> bool:
        """Whether one of `files` changed: the file itself, or the target if it is a link."""
        return any(file.absolute() in self._changed or file.resolve() in self._changed for file in files)

    def _git(self, *arguments: str) -> str:
        ended = self._asked(*arguments)
        if ended.returncode:
            words = ended.stderr.strip().splitlines()
            hint = words[0] if words else "--changed-since needs a checkout with its history"
            raise UsageProblem(f"--changed-since: git does not take {self._folder} as a repository", hint=hint)
        return ended.stdout

    def _asked(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603 - no shell; the revision stands where it is no option
                ["git", "-C", str(self._folder), *arguments],  # noqa: S607 - the git of the person
                capture_output=True,
                text=True,
                errors="surrogateescape",
                check=False,
            )
        except FileNotFoundError:
            raise UsageProblem("--changed-since: git is not installed", hint="install git") from None
