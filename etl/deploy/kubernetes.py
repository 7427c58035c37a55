"""A Kubernetes CronJob with a volume for its state, or with several pods that share a state in PostgreSQL.

The rule: not root, a root file system that cannot be written, never two at once for a mapping; secrets come from a
Secret by name.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath, PurePosixPath
from shlex import quote
from typing import Any

import yaml

from etl.deploy.plan import AT_ONCE_CODES, FINE_CODES, TOLD, File, Plan, comment, own_folder
from etl.errors import UsageProblem

_NAME = "squeezely-etl"
MAPPINGS = PurePosixPath("/mappings")
VOLUME = PurePosixPath("/state")
# In a folder of its own: the volume's folder belongs to root, and the state needs one that no other user can write.
STATE = VOLUME / "etl" / "state.sqlite"
# A user that no image knows by name; the volume is given to its group.
USER_ID = 10001


def render(plan: Plan) -> tuple[File, ...]:
    """The CronJob, and the claim of its state's volume when the state is a file."""
    documents = [_cron_job(plan)] if plan.state is None else [_claim(plan), _cron_job(plan)]
    text = yaml.safe_dump_all(documents, sort_keys=False, width=1000)
    return (File(PurePath(f"{plan.unit}.yaml"), comment(_instructions(plan)) + text),)


def inside(files: tuple[Path, ...]) -> tuple[PurePosixPath, ...]:
    """Where the mapping `files` lie in a container. Raises `UsageProblem` when two share their name."""
    names = [file.name for file in files]
    for name in names:
        if names.count(name) > 1:
            raise UsageProblem(f"two mapping files are called {name}, and in a container they share one folder")
    return tuple(MAPPINGS / name for name in names)


def _instructions(plan: Plan) -> list[str]:
    files = " ".join(f"--from-file={_from_file(file)}" for file in plan.files)
    lines = [
        f"{plan.title}. The image is made with: squeezely-etl deploy docker",
        *own_folder(plan),
        f"  kubectl create configmap {plan.unit}-mappings {files}",
    ]
    secrets = [f"--from-literal={name}=…" for name in plan.required]
    secrets += [f"--from-file={_secret_key(path)}=…" for path in plan.secret_files]
    if secrets:
        lines.append(f"  kubectl create secret generic {plan.unit} {' '.join(secrets)}")
    if plan.optional:
        lines.append(f"The secret may also hold (they have defaults): {' '.join(plan.optional)}")
    lines += [f"and {name}, {when}." for name, when in TOLD.items()]
    if plan.shards is not None:
        lines += [
            f"Each of {plan.shards} pods runs its share of the mappings, by their names (Kubernetes 1.29 or newer).",
            "A pod that can be tried again is; one after which a person has something to do fails its index at once.",
        ]
    return [*lines, "The first run is a person's decision. Once, by hand:", *_first_run(plan)]


def _first_run(plan: Plan) -> list[str]:
    # The arguments of a job made from a CronJob cannot be changed on the way, but every option has its variable.
    return [
        f"  kubectl create job {plan.unit}-first --from=cronjob/{plan.unit} --dry-run=client -o yaml |",
        "    kubectl set env --local -f - SQUEEZELY_ETL_RUN_START_FROM=beginning -o yaml | kubectl create -f -",
    ]


def _claim(plan: Plan) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": f"{plan.unit}-state"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def _cron_job(plan: Plan) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": plan.unit, "labels": {"app.kubernetes.io/name": "squeezely-etl"}},
        "spec": {
            "schedule": plan.schedule.cron,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 7,
            "jobTemplate": {
                "spec": {
                    **({"backoffLimit": 0} if plan.shards is None else _indexed(plan.shards)),
                    "template": {
                        "metadata": {"labels": {"app.kubernetes.io/name": "squeezely-etl"}},
                        "spec": _pod(plan),
                    },
                }
            },
        },
    }


def _indexed(shards: int) -> dict[str, Any]:
    return {
        "completions": shards,
        "parallelism": shards,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": 3,
        "podFailurePolicy": {
            "rules": [
                # The node went away, which is no failure of the pod.
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {
                    "action": "FailIndex",
                    "onExitCodes": {"containerName": _NAME, "operator": "In", "values": sorted((1, 3, *AT_ONCE_CODES))},
                },
            ]
        },
    }


def _pod(plan: Plan) -> dict[str, Any]:
    return {
        "restartPolicy": "Never",
        # The limit is for each pod, so that a repeated one has its full time.
        "activeDeadlineSeconds": int(plan.stop_after.total_seconds()),
        "terminationGracePeriodSeconds": 60,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(plan)],
        "volumes": _volumes(plan),
    }


def _container(plan: Plan) -> dict[str, Any]:
    args = [*plan.run(inside(plan.files), state=STATE), "--exit-zero-on", ",".join(map(str, FINE_CODES))]
    if plan.shards is not None:
        # Kubernetes itself puts the number in.
        args += ["--shard", f"$(JOB_COMPLETION_INDEX)/{plan.shards}"]
    return {
        "name": _NAME,
        "image": plan.image,
        "args": args,
        "env": [_from_secret(plan, name, optional=False) for name in plan.required]
        + [_from_secret(plan, name, optional=True) for name in (*plan.optional, *TOLD)],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": _mounts(plan),
    }


def _from_secret(plan: Plan, name: str, *, optional: bool) -> dict[str, Any]:
    reference: dict[str, Any] = {"name": plan.unit, "key": name}
    return {"name": name, "valueFrom": {"secretKeyRef": reference | ({"optional": True} if optional else {})}}


def _mounts(plan: Plan) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = [{"name": "mappings", "mountPath": str(MAPPINGS), "readOnly": True}]
    if plan.state is not None:
        mounts.append({"name": "state", "mountPath": str(VOLUME)})
    mounts += [
        {"name": "secrets", "mountPath": str(path), "subPath": _secret_key(path), "readOnly": True}
        for path in plan.secret_files
    ]
    return [*mounts, {"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - a folder of the container's own


def _volumes(plan: Plan) -> list[dict[str, Any]]:
    mappings: dict[str, Any] = {"name": f"{plan.unit}-mappings"}
    if any(_key(file.name) != file.name for file in plan.files):
        # Under its own name again, because the mapping's name may come from the file's.
        mappings["items"] = [{"key": _key(file.name), "path": file.name} for file in plan.files]
    volumes: list[dict[str, Any]] = [{"name": "mappings", "configMap": mappings}]
    if plan.state is not None:
        volumes.append({"name": "state", "persistentVolumeClaim": {"claimName": f"{plan.unit}-state"}})
    if plan.secret_files:
        keys = [_secret_key(path) for path in plan.secret_files]
        volumes.append(
            {
                "name": "secrets",
                "secret": {
                    "secretName": plan.unit,
                    "defaultMode": 0o440,
                    "items": [{"key": key, "path": key} for key in keys],
                },
            }
        )
    return [*volumes, {"name": "tmp", "emptyDir": {}}]


def _secret_key(path: PurePath) -> str:
    return _key(str(path).strip("/").replace("/", "."))


def _key(name: str) -> str:
    """`name` as a key of a ConfigMap or a Secret, which has these characters alone."""
    return re.sub(r"[^-._a-zA-Z0-9]", "-", name)


def _from_file(file: PurePath) -> str:
    key = _key(file.name)
    return quote(str(file) if key == file.name else f"{key}={file}")
