"""A workflow of GitHub Actions that shows, for each pull request, what its mappings would send.

The rule: nothing is sent, and no key of the API is given to it. It is for a replica of the database; what the report
hides (values and keys of rows) is in no log either.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path, PurePath
from shlex import join

from etl.deploy.plan import STATE_VARIABLE, File, Plan, comment
from etl.errors import UsageProblem

_WORKFLOW = """\
name: What the mappings would send
on:
  pull_request:
    paths: {paths}
permissions:
  contents: read
concurrency:
  group: squeezely-etl-${{{{ github.event.pull_request.number }}}}
  cancel-in-progress: true
jobs:
  plan:
    # A fork's branch gets no secrets.
    if: github.event.pull_request.head.repo.full_name == github.repository
    runs-on: ubuntu-latest
    timeout-minutes: 30
{env}\
    steps:
      - uses: actions/checkout@v4
        with: {{fetch-depth: 0, persist-credentials: false}}
      - uses: actions/setup-python@v5
        with: {{python-version: "3.13"}}
      - name: Install squeezely-etl
        env:
          # By its wheel, not by its name: it is in no index, and another could register the name there.
          WHEEL: ${{{{ vars.{wheel} }}}}
        run: |
          case "$WHEEL" in
            https://*|git+https://*|git+ssh://*) pip install "squeezely-etl[postgresql,mysql] @ $WHEEL" ;;
            "") echo "::error::the variable {wheel} of the repository is not set: path or URL of its wheel"; exit 1 ;;
            *)
              if [ ! -f "$WHEEL" ]; then echo "::error::{wheel} is neither a file here nor a URL"; exit 1; fi
              pip install "$(realpath "$WHEEL")[postgresql,mysql]" ;;
          esac
      - name: Check the mappings that changed
        env:
          BASE: ${{{{ github.event.pull_request.base.sha }}}}
        run: {validate}
      - name: Run the examples that the mappings carry
        run: {test}
      - name: Show what a run would send
        run: |
          code=0
          {dry_run} > /dev/null || code=$?
          if [ -f plan.md ]; then cat plan.md >> "$GITHUB_STEP_SUMMARY"; fi
          # 3: rows are invalid, and the summary says which and why.
          [ "$code" = 0 ] || [ "$code" = 3 ] || exit "$code"
"""
# A dry run asks nothing of the API.
_NO_KEY = {"SQUEEZELY_API_KEY": "none-for-a-dry-run"}
_LIMIT = "20000"
_WHEEL = "SQUEEZELY_ETL_WHEEL"


def render(plan: Plan) -> tuple[File, ...]:
    """The workflow. Raises `UsageProblem` for mappings that do not lie in one repository."""
    root = _root(plan)
    mappings = [_within(root, path) for path in plan.mappings]
    watched = dict.fromkeys(
        str(path / "**" if full.is_dir() else path.parent / "**")
        for path, full in zip(mappings, plan.mappings, strict=True)
    )
    names = [str(path) for path in mappings]
    start = [] if plan.state is None else ["--start-from", "beginning", "--limit", _LIMIT]
    text = _WORKFLOW.format(
        paths=json.dumps([_literal(one) for one in watched]),
        env=_env(plan),
        wheel=_WHEEL,
        validate=json.dumps(_literal(join(["squeezely-etl", "validate", *names, "--changed-since"])) + ' "$BASE"'),
        test=json.dumps(_literal(join(["squeezely-etl", "test", *names]))),
        dry_run=_literal(join(["squeezely-etl", "run", *names, "--dry-run", "--report", "plan.md", *start])),
    )
    return (File(PurePath(".github/workflows/squeezely-etl.yml"), comment(_instructions(plan)) + text),)


def _root(plan: Plan) -> Path:
    """The folder of the repository that holds the mappings; the current one where none does."""
    first = plan.mappings[0]
    return next((folder for folder in (first, *first.parents) if (folder / ".git").exists()), plan.folder)


def _within(root: Path, path: Path) -> PurePath:
    try:
        return path.relative_to(root)
    except ValueError:
        raise UsageProblem(
            f"{path} does not lie in the repository {root}", hint="a workflow reads the mappings of its own repository"
        ) from None


def _env(plan: Plan) -> str:
    lines = [f"      {name}: {_NO_KEY.get(name) or f'${{{{ secrets.{name} }}}}'}\n" for name in plan.required]
    return "".join(["    env:\n", *lines]) if lines else ""


def _literal(text: str) -> str:
    """`text` as the workflow's expressions leave it."""
    return text.replace("${{", "${{ '${{' }}")


def _instructions(plan: Plan) -> list[str]:
    secrets = [name for name in plan.required if name not in _NO_KEY]
    lines = ["The summary of each pull request's job shows what its mappings would send. Nothing is sent."]
    lines.append(f"Variable of the repository: {_WHEEL}, the path in it or the URL of squeezely-etl's wheel, which")
    lines.append("`pip wheel --no-deps .` makes in a checkout of squeezely-etl.")
    if secrets:
        lines.append(f"Secrets of the repository: {', '.join(secrets)}")
        lines.append(
            "Give it a replica, by a user who may only SELECT: each person who may push a branch can use them."
        )
    if plan.optional:
        lines.append(f"The mappings have defaults for: {', '.join(plan.optional)}")
    lines += _files(plan.secret_files)
    if plan.state is None:
        lines.append(f"{STATE_VARIABLE} names the state of the nightly runs, which tells what is new and what changed.")
    else:
        lines.append(f"Without the state of the nightly runs it takes the first {_LIMIT} rows as new. With a state in")
        lines.append("PostgreSQL, call deploy with --state postgresql://… and it tells what is new and what changed.")
    return lines


def _files(paths: Iterable[PurePath]) -> list[str]:
    return [
        f"The mappings read {path}: make it in a step of its own. A dry run needs no key of the API." for path in paths
    ]
