"""The pipeline's image scripts, with programs in place of builder, registry and git that record."""

import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
STAMP = "2026-08-09T08:09:08-09:30"
RECORDS = '#!/bin/sh\necho "$0 $*" | sed "s|^.*/bin/||" >>"$STUB/calls"\n'
#: What git says to uid 1000 in a checkout of root's.
GIT = '#!/bin/sh\necho "fatal: detected dubious ownership in repository" >&2\nexit 128\n'
#: A registry with the digest that the file `digest` has; `error` is what it says otherwise.
SKOPEO = (
    RECORDS
    + """\
case $1 in
    login) cat >/dev/null ;;
    inspect) if [ -s "$STUB/digest" ]; then cat "$STUB/digest"; else cat "$STUB/error" >&2; exit 1; fi ;;
esac
"""
)


class Pipeline:
    """A checkout with the scripts, and what they called."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.checkout = place / "checkout"
        shutil.copytree(ROOT / "scripts/ci", self.checkout / "scripts/ci")
        shutil.copy(ROOT / "pyproject.toml", self.checkout)
        (place / "bin").mkdir()
        programs = {"buildctl-daemonless.sh": RECORDS, "git": GIT, "skopeo": SKOPEO}
        for name, text in programs.items():
            self.install(name, text)

    def install(self, name: str, text: str) -> None:
        (self.place / "bin" / name).write_text(text)
        (self.place / "bin" / name).chmod(0o755)

    def has_buildah_alone(self) -> None:
        (self.place / "bin" / "buildctl-daemonless.sh").unlink()
        self.install("buildah", RECORDS)

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.place / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.place),
            "STUB": str(self.place),
            "CI_REGISTRY": "registry.example.org",
            "CI_REGISTRY_IMAGE": "registry.example.org/clocks",
            "CI_REGISTRY_USER": "ci",
            "CI_REGISTRY_PASSWORD": "none",
            "CI_COMMIT_SHA": COMMIT,
            "CI_COMMIT_TIMESTAMP": STAMP,
            "CI_DEFAULT_BRANCH": "main",
        }
        return subprocess.run(
            [self.checkout / "scripts/ci" / script, "checker"],
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self, program: str) -> list[str]:
        calls = (self.place / "calls").read_text().splitlines()
        return [call for call in calls if call.startswith(f"{program} ")]

    def registry_has(self, digest: str, error: str = "") -> None:
        (self.place / "digest").write_text(f"{digest}\n" if digest else "")
        (self.place / "error").write_text(error)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    (tmp_path / "calls").touch()
    return Pipeline(tmp_path)


def test_build_when_git_refuses_the_checkout_then_the_pipeline_says_what_is_built(
    pipeline: Pipeline,
) -> None:
    done = pipeline.run("build_image.sh")

    assert done.returncode == 0, done.stderr
    (call,) = pipeline.calls("buildctl-daemonless.sh")
    assert f"build-arg:REVISION={COMMIT}" in call
    assert f"build-arg:SOURCE_DATE_EPOCH={datetime.fromisoformat(STAMP).timestamp():.0f}" in call


@pytest.mark.parametrize(
    "stamp",
    ["2024-02-29T23:59:08Z", "2026-12-01T02:03:39+01:00", "2100-03-01T00:00:00+14:00"],
)
def test_build_when_time_has_a_zone_then_epoch_is_right(pipeline: Pipeline, stamp: str) -> None:
    pipeline.has_buildah_alone()
    pipeline.run("build_image.sh", CI_COMMIT_TIMESTAMP=stamp)

    seconds = int(datetime.fromisoformat(stamp).timestamp())
    assert f" --timestamp {seconds} " in pipeline.calls("buildah")[0]


def test_build_when_time_has_no_zone_then_it_is_refused(pipeline: Pipeline) -> None:
    done = pipeline.run("build_image.sh", CI_COMMIT_TIMESTAMP="2026-12-01 02:03:39")

    assert done.returncode == 2
    assert "CI_COMMIT_TIMESTAMP" in done.stderr


@pytest.mark.parametrize("builder", ["buildctl-daemonless.sh", "buildah"])
def test_build_when_tagged_then_nothing_differs(pipeline: Pipeline, builder: str) -> None:
    if builder == "buildah":
        pipeline.has_buildah_alone()
    pipeline.run("build_image.sh")
    pipeline.run("build_image.sh", CI_COMMIT_TAG="v9.9.9")

    first, second = (call for call in pipeline.calls(builder) if "VERSION=" in call)
    assert first == second
    assert "+01234567 " in first


def test_tag_when_commit_was_pushed_then_it_names_that_digest(pipeline: Pipeline) -> None:
    pipeline.registry_has("sha256:1234")
    done = pipeline.run("tag_image.sh", CI_COMMIT_TAG="v1.0.0")

    assert done.returncode == 0, done.stderr
    image = "docker://registry.example.org/clocks/checker"
    copy = f"skopeo copy --all --preserve-digests {image}@sha256:1234 {image}:v1.0.0"
    assert pipeline.calls("skopeo copy") == [copy]


def test_tag_when_commit_was_never_pushed_then_it_says_what_to_tag(pipeline: Pipeline) -> None:
    pipeline.registry_has("", "reading manifest 0123 in registry.example.org: manifest unknown")
    done = pipeline.run("tag_image.sh", CI_COMMIT_TAG="v1.0.0")

    assert done.returncode == 1
    assert f"no image of {COMMIT}" in done.stderr
    assert pipeline.calls("skopeo copy") == []
