"""The CronJob: accepted by the schemas of Kubernetes, with few rights, and with pods that share the mappings."""

from __future__ import annotations

import re
import shlex
from typing import Any

import kubernetes_validate
import yaml

from etl.commands.loading import Shard
from tests.deploy.conftest import SECRET, Office

RUN = ["--if-locked", "skip", "--max-runtime", "3h", "--exit-zero-on", "6"]
STATE = f"postgresql://etl:{SECRET}@db/state"


def kubernetes_documents(office: Office, *options: str) -> list[dict[str, Any]]:
    printed = office.deploy("kubernetes", "mappings", *options)
    assert (printed.code, printed.err) == (0, "")
    return list(yaml.safe_load_all(printed.out))


def test_kubernetes_schemas_accept_every_document(office: Office) -> None:
    documents = kubernetes_documents(office)
    assert [document["kind"] for document in documents] == ["PersistentVolumeClaim", "CronJob"]
    for document in documents:
        for version in ("1.27", kubernetes_validate.latest_version()):
            kubernetes_validate.validate(document, version, strict=True)


def test_the_cron_job_runs_one_at_a_time_as_nobody_special(office: Office) -> None:
    _, job = kubernetes_documents(office)
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    inside = ["/mappings/customers.yaml", "/mappings/orders.yaml"]
    assert container["args"] == ["run", *inside, "--state", "/state/etl/state.sqlite", *RUN]
    assert [
        (entry["name"], entry["valueFrom"]["secretKeyRef"].get("optional", False)) for entry in container["env"]
    ] == [
        ("SHOP_DATABASE_URL", False),
        ("SQUEEZELY_URL", True),
        ("SQUEEZELY_ETL_RUN_PING_URL", True),
        ("SQUEEZELY_ETL_RUN_NOTIFY_URL", True),
        ("SQUEEZELY_ETL_RUN_PUSHGATEWAY", True),
    ]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {
        "/mappings",
        "/state",
        "/run/secrets/squeezely key",
        "/tmp",
    }
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_two_files_of_one_name_cannot_share_a_container(office: Office) -> None:
    other = office.folder / "more" / "orders.yaml"
    other.parent.mkdir()
    other.write_text((office.mappings / "orders.yaml").read_text())
    printed = office.deploy("kubernetes", "mappings", "more")
    assert (printed.code, printed.out) == (2, "")
    assert "two mapping files are called orders.yaml" in printed.err


def test_a_state_in_a_database_needs_no_volume(office: Office) -> None:
    """F2: its URL may hold a password, so it goes by its variable's name."""
    (job,) = kubernetes_documents(office, "--state", STATE)
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert "SQUEEZELY_ETL_STATE" in {entry["name"] for entry in container["env"]}
    assert "--state" not in container["args"]


def test_several_pods_share_the_mappings(office: Office) -> None:
    """The index of each is its shard; a code that needs a person is not tried again, and 6 is no failure."""
    (job,) = kubernetes_documents(office, "--state", STATE, "--shards", "3")
    for version in ("1.29", kubernetes_validate.latest_version()):
        kubernetes_validate.validate(job, version, strict=True)
    spec = job["spec"]["jobTemplate"]["spec"]
    assert (spec["completions"], spec["parallelism"], spec["completionMode"]) == (3, 3, "Indexed")
    assert spec["backoffLimitPerIndex"] == 3
    assert "backoffLimit" not in spec, "a limit for all would stop the others"
    node, person = spec["podFailurePolicy"]["rules"]
    assert (node["action"], node["onPodConditions"]) == ("Ignore", [{"type": "DisruptionTarget", "status": "True"}])
    (container,) = spec["template"]["spec"]["containers"]
    assert (person["action"], person["onExitCodes"]) == (
        "FailIndex",
        {"containerName": container["name"], "operator": "In", "values": [1, 2, 3, 5, 8, 9]},
    )
    assert container["args"][-6:] == [
        "--max-runtime",
        "3h",
        "--exit-zero-on",
        "6",
        "--shard",
        "$(JOB_COMPLETION_INDEX)/3",
    ]
    shards = [Shard.parse(container["args"][-1].replace("$(JOB_COMPLETION_INDEX)", str(index))) for index in range(3)]
    assert shards == [Shard(0, 3), Shard(1, 3), Shard(2, 3)]


def test_pods_that_cannot_share_a_state_are_refused(office: Office) -> None:
    printed = office.deploy("kubernetes", "mappings", "--shards", "3")
    assert (printed.code, printed.out) == (2, "")
    assert "pods on several hosts share no state in a file" in printed.err
    printed = office.deploy("docker", "mappings", "--shards", "3", "--state", STATE)
    assert (printed.code, printed.out) == (2, "")
    assert "--shards goes with kubernetes" in printed.err
    assert SECRET not in printed.err


def test_every_key_of_a_config_map_and_a_secret_is_one_that_kubernetes_takes(office: Office) -> None:
    """Names of files may hold spaces; in the container the mapping has its own name again."""
    (office.mappings / "orders.yaml").rename(office.mappings / "web orders' €.yaml")
    printed = office.deploy("kubernetes", "mappings")
    _, job = yaml.safe_load_all(printed.out)
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    items = volumes["mappings"]["configMap"]["items"]
    assert [item["path"] for item in items] == ["customers.yaml", "web orders' €.yaml"]
    assert "/mappings/web orders' €.yaml" in pod["containers"][0]["args"]
    keys = [item["key"] for item in (*items, *volumes["secrets"]["secret"]["items"])]
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]+", key) for key in keys), keys
    made = next(line for line in printed.out.splitlines() if "create configmap" in line)
    given = shlex.split(made.removeprefix("#"))[-2:]
    assert given == [
        f"--from-file={office.mappings / 'customers.yaml'}",
        f"--from-file={keys[1]}={office.mappings}/web orders' €.yaml",
    ]
    kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)
