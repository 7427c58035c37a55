"""A systemd service and its timer.

The rule: the service may write the state and nothing else, has no right that it does not need, and a missed night is
caught up.
"""

from __future__ import annotations

from pathlib import PurePath
from shlex import join, quote

from etl.deploy.cron import environment_file_lines, metrics_lines
from etl.deploy.plan import FINE_CODES, File, Plan, comment, first_run, own_folder

_FOLDER = PurePath("/etc/systemd/system")
# Left out on purpose: RemoveIPC= and ProcSubset=, since the rate that all processes of an account share lies in
# /dev/shm and belongs to the boot that /proc names; MemoryDenyWriteExecute=, which libraries with compiled parts may
# not survive; PrivateUsers=, in which files have other owners.
_HARDENED = """\
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=read-only
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateDevices=yes
PrivateTmp=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
# Names are looked up with AF_NETLINK; a database on this host may have a socket (AF_UNIX).
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
# SQLite calls it where it runs as root.
SystemCallFilter=@chown
SystemCallErrorNumber=EPERM""".splitlines()


def render(plan: Plan) -> tuple[File, ...]:
    """The service and the timer."""
    return (
        File(_FOLDER / f"{plan.unit}.service", _service(plan)),
        File(_FOLDER / f"{plan.unit}.timer", _timer(plan)),
    )


def _service(plan: Plan) -> str:
    written = [] if plan.state is None else [str(plan.state.parent)]
    if plan.metrics_file is not None:
        # The minus lets the service start without the folder: figures are no reason not to run.
        written.append(f"-{plan.metrics_file.parent}")
    lines = [
        "[Unit]",
        f"Description={_plain(plan.title)}",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        f"User={plan.user}",
        f"WorkingDirectory={_path(str(plan.folder))}",
        *([f"EnvironmentFile={_path(str(plan.environment_file))}"] if plan.variables else []),
        f"ExecStart={_words([*plan.command, *plan.run()])}",
        "# Stopped cleanly at --max-runtime, or because the API was away: the next run goes on.",
        f"SuccessExitStatus={' '.join(map(str, FINE_CODES))}",
        f"TimeoutStartSec={int(plan.stop_after.total_seconds())}",
        "TimeoutStopSec=60",
        *_HARDENED,
        *([f"ReadWritePaths={_words(written)}"] if written else []),
    ]
    return comment(_instructions(plan)) + "\n".join(lines) + "\n"


def _timer(plan: Plan) -> str:
    lines = [
        "[Unit]",
        f"Description={_plain(plan.title)}",
        "",
        "[Timer]",
        *(f"OnCalendar={when}" for when in plan.schedule.on_calendar),
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return "\n".join(lines) + "\n"


def _instructions(plan: Plan) -> list[str]:
    made = [] if plan.state is None else [f"  install -d -m 0700 -o {plan.user} {quote(str(plan.state.parent))}"]
    return [
        f"{plan.title}.",
        *own_folder(plan),
        *environment_file_lines(plan),
        *metrics_lines(plan),
        "To install, as root:",
        *made,
        f"  systemctl daemon-reload && systemctl enable --now {plan.unit}.timer",
        *first_run(_once(plan)),
        f"Logs: journalctl -u {plan.unit}",
    ]


def _once(plan: Plan) -> str:
    settings = [f"--uid={plan.user}", f"--working-directory={plan.folder}"]
    if plan.variables:
        settings.append(f"--property=EnvironmentFile={plan.environment_file}")
    return join(["systemd-run", "--wait", "--pipe", *settings, *plan.command, *plan.run()])


def _words(words: list[str]) -> str:
    # systemd.service(5), "Command lines": quotes as in C, % begins a specifier, $ a variable.
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if set(text) & set(" \t'\";") or not text else text


def _path(path: str) -> str:
    # Settings that take one path take the rest of the line: no quotes, only specifiers to mask.
    return path.replace("%", "%%")


def _plain(text: str) -> str:
    return text.replace("%", "%%")
