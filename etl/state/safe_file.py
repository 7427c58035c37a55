"""Makes and checks files and folders that only their owner can read or replace, whatever the umask.

The rule: modes 0600 and 0700, no symbolic links, nothing that another user could have put there (F18, F20, D23).
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from etl.errors import StateUnusable

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def make_folder(folder: Path) -> None:
    """Make `folder` (0700) with its missing parents, and check it.

    Raises `StateUnusable`, also as `check_folder`.
    """
    try:
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(FOLDER_MODE, exist_ok=True)
            missing.chmod(FOLDER_MODE)  # a umask of 0777 would remove even the owner's rights
    except OSError as error:
        raise StateUnusable(
            f"cannot make the state's folder {folder}: {error.strerror}", hint="check the path and who may write there"
        ) from error
    check_folder(folder)


def check_folder(folder: Path) -> None:
    """Refuse a folder in which others could put files that SQLite would take for parts of the state.

    That includes /tmp, although others cannot replace our files there.
    Raises `StateUnusable`.
    """
    try:
        found = folder.stat()
    except OSError as error:
        raise StateUnusable(
            f"cannot look at the state's folder {folder}: {error.strerror}", hint="check the path and its permissions"
        ) from error
    if found.st_uid not in {os.geteuid(), 0}:
        raise StateUnusable(
            f"the state's folder {folder} belongs to another user, who can put files there",
            hint=f"run as that user, or give it to this one: chown -R {os.geteuid()} {shlex.quote(str(folder))}",
        )
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & _OTHERS_WRITE:
        raise StateUnusable(
            f"the state's folder {folder} can be written by others",
            hint=f"chmod go-w {shlex.quote(str(folder))}, or keep the state in a folder of its own",
        )


def check_file(path: Path) -> os.stat_result | None:
    """The stat of `path`, without following a link; None when nothing is there.

    Raises `StateUnusable` unless it is a plain file of this user that no other user can write, without a second name
    (hard link), under which it would have other locks and another log.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateUnusable(
            f"cannot look at the state {path}: {error.strerror}", hint="check the path and its permissions"
        ) from error
    if stat.S_ISLNK(found.st_mode):
        problem = "is a symbolic link"
    elif not stat.S_ISREG(found.st_mode):
        problem = "is not a file"
    elif found.st_uid not in {os.geteuid(), 0}:
        problem = "belongs to another user"
    elif found.st_mode & _OTHERS_WRITE:
        problem = "can be written by others"
    elif found.st_nlink > 1:
        raise StateUnusable(
            f"the state {path} has a second name (a hard link), by which another run could use it at the same time",
            hint="remove the other name; a backup must be a copy",
        )
    else:
        return found
    raise StateUnusable(
        f"the state {path} {problem}, so another user could have put it there",
        hint="give its real path; it must be a file of this user with mode 0600",
    )


def open_private(path: Path, flags: int) -> int:
    """Open `path` without following a link; child processes do not inherit it, and a new file gets mode 0600.

    Raises OSError.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    if flags & os.O_CREAT and stat.S_IMODE(os.fstat(descriptor).st_mode) != FILE_MODE:
        os.fchmod(descriptor, FILE_MODE)
    return descriptor
