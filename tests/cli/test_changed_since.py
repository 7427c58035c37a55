"""`validate --changed-since REV`: the mappings that a branch touches, by git's names."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from etl.cli.boundary import run

MAPPING = """\
version: 1
source: {{url: "sqlite:///shop.db", table: t, primary_key: id}}
event: PersonUpdated
fields: {{email: email{more}}}
{top}
destination: {{account: "1", api_key: "{key}"}}
"""
STEPS = "def shout(values):\n    return values.str.upper()\n"


def git(*words: str) -> None:
    who = ("-c", "user.name=eva", "-c", "user.email=eva@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *who, *words], check=True, capture_output=True)


def write(name: str, *, more: str = "", top: str = "", key: str = "k") -> None:
    Path("maps", f"{name}.yaml").write_text(MAPPING.format(more=more, top=top, key=key))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four mappings: one alone, two that share their steps, one that names a file; a branch with nothing on it."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    Path("maps").mkdir()
    write("alone")
    write("first", top="steps: steps.py")
    write("second", top="steps: steps.py")
    write("keyed", key=f"${{file:{tmp_path}/key}}")
    Path("maps/steps.py").write_text(STEPS)
    Path("key").write_text("k")
    git("init")
    git("add", ".")
    git("commit", "-m", "Begin")
    git("checkout", "-b", "branch")
    return tmp_path


def changed(capsys: pytest.CaptureFixture[str], revision: str = "main", folder: str = "maps") -> list[str]:
    capsys.readouterr()
    run(["validate", folder, "--changed-since", revision, "-o", "json"])
    return [Path(json.loads(line)["file"]).stem for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("repository")
def test_a_mapping_counts_when_it_or_a_file_of_its_own_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert changed(capsys) == []
    assert run(["validate", "maps", "--changed-since", "main"]) == 0
    assert capsys.readouterr().out == "0 of 4 mappings changed since main\n"
    write("alone", more=", firstname: name")
    assert changed(capsys) == ["alone"], "before it is committed"
    git("commit", "-am", "Add a name")
    assert changed(capsys) == ["alone"]
    write("new one")
    assert changed(capsys) == ["alone", "new one"], "before git knows it"
    Path("maps/steps.py").write_text(STEPS.replace("upper", "lower"))
    assert changed(capsys) == ["alone", "first", "new one", "second"]
    Path("key").write_text("another")
    assert changed(capsys) == ["alone", "first", "keyed", "new one", "second"]
    assert changed(capsys, revision="HEAD") == ["first", "keyed", "new one", "second"]


@pytest.mark.usefixtures("repository")
def test_what_was_changed_on_the_other_branch_does_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    write("alone", more=", firstname: name")
    git("commit", "-am", "Add a name")
    git("checkout", "main")
    write("keyed", more=", firstname: name")
    git("commit", "-am", "Add another name")
    git("checkout", "branch")
    assert changed(capsys) == ["alone"]


@pytest.mark.usefixtures("repository")
def test_what_is_wrong_with_a_mapping_that_changed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("maps/alone.yaml").write_text("version: 1\nnonsense: 1\n")
    Path("maps/steps.py").write_text("def shout(values)\n")
    assert changed(capsys) == ["alone", "first", "second"]
    write("alone", top="name: keyed")
    assert run(["validate", "maps", "--changed-since", "main"]) == 2
    assert "name: keyed is used twice" in capsys.readouterr().out, "also by one that did not change"


def test_a_link_counts_when_what_it_leads_to_changed(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("links").mkdir()
    Path("links/alone.yaml").symlink_to(repository / "maps" / "alone.yaml")
    git("add", "links")
    git("commit", "-m", "Link")
    git("branch", "linked")
    assert changed(capsys, "linked", "links") == []
    write("alone", more=", firstname: name")
    assert changed(capsys, "linked", "links") == ["alone"]


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "HEAD:maps", ""])
@pytest.mark.usefixtures("repository")
def test_what_is_no_revision_is_a_usage_error(capsys: pytest.CaptureFixture[str], revision: str) -> None:
    assert run(["validate", "maps", f"--changed-since={revision}"]) == 2
    assert "there is no such revision" in capsys.readouterr().err
    assert not Path("x").exists()


@pytest.mark.usefixtures("repository")
def test_a_branch_of_another_history_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    git("checkout", "--orphan", "other")
    git("commit", "-m", "Begin anew")
    assert run(["validate", "maps", "--changed-since", "main"]) == 2
    assert "fetch-depth: 0" in capsys.readouterr().err


def test_outside_a_repository_it_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    Path("maps").mkdir()
    write("alone")
    assert run(["validate", "maps", "--changed-since", "main"]) == 2
    assert "not a git repository" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(["validate", "maps", "--changed-since", "main"]) == 2
    assert "git is not installed" in capsys.readouterr().err
