"""A Dockerfile, built from a checkout of this project.

The rule: a base image by its digest, two stages, locked dependencies, a user of its own; mappings and secrets come in
when it runs, never into the image, and the state lives on a volume.
"""

from __future__ import annotations

from pathlib import PurePath
from shlex import join

from etl.deploy.kubernetes import STATE, USER_ID, VOLUME, inside
from etl.deploy.plan import TOLD, File, Plan, comment, own_folder

# By digest, so that the image never changes; the tag is for people, and for tools that update both.
_BASE = "python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b"
# Where the image has the program, and what it is installed with.
IMAGE_BIN = "/opt/squeezely-etl/bin"
_FIRST = ("requirements.lock", "pyproject.toml", "README.md", "LICENSE")
# A folder of its own for each: COPY puts the content of folders side by side.
_THEN = ("mappings/README.md", "etl")
_IMAGE = f"""\
FROM {_BASE} AS build
WORKDIR /src
COPY {" ".join(_FIRST)} ./
RUN python -m venv /opt/squeezely-etl \\
 && /opt/squeezely-etl/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
{"".join(f"COPY {name} {name}{chr(10)}" for name in _THEN)}\
RUN /opt/squeezely-etl/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM {_BASE}
RUN useradd --uid {USER_ID} --user-group --no-create-home --shell /usr/sbin/nologin etl \\
 && install -d -m 0700 -o etl -g etl {VOLUME}
COPY --from=build /opt/squeezely-etl /opt/squeezely-etl
ENV SQUEEZELY_ETL_STATE={STATE} PYTHONUNBUFFERED=1
USER {USER_ID}:{USER_ID}
VOLUME {VOLUME}
WORKDIR {VOLUME}
ENTRYPOINT ["{IMAGE_BIN}/squeezely-etl"]
CMD ["run", "/mappings", "--if-locked", "skip"]
"""
# Everything but what is copied: neither mappings nor secrets nor a state that lie in the checkout get near the image.
_IGNORE = "".join(f"{line}\n" for line in ("*", *(f"!{name}" for name in (*_FIRST, *_THEN)), "**/__pycache__"))


def render(plan: Plan) -> tuple[File, ...]:
    """The Dockerfile, with the commands that build and run it, and the list of what its build is to see."""
    return (
        File(PurePath("Dockerfile"), comment(_instructions(plan)) + _IMAGE),
        File(PurePath(".dockerignore"), _IGNORE),
    )


def _instructions(plan: Plan) -> list[str]:
    targets = inside(plan.files)
    words = ["docker", "run", "--rm", "--init"]
    if plan.state is not None:
        words += ["--volume", f"{plan.unit}-state:{VOLUME}"]
    words += [
        word for file, target in zip(plan.files, targets, strict=True) for word in ("--volume", f"{file}:{target}:ro")
    ]
    words += [word for path in plan.secret_files for word in ("--volume", f"{path}:{path}:ro")]
    names = [*(variable.name for variable in plan.variables), *TOLD]
    words += [word for name in names for word in ("--env", name)]
    command = join([*words, plan.image, *plan.run(targets, state=STATE)])
    return [
        f"{plan.title}.",
        *own_folder(plan),
        "In a checkout of squeezely-etl, with .dockerignore beside it:",
        f"  docker build --tag {plan.image} --file Dockerfile .",
        "Every night; --env NAME passes a variable on without writing its value, when it is set:",
        f"  {command}",
        "The first run is a person's decision: the same once, with --start-from beginning at its end.",
    ]
