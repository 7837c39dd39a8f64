"""Builds the images with buildah, on a base that stands in for the registry's."""

import gzip
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "images"
#: The name under which the recipes ask for their base.
BASE = "docker.io/library/python:3.13-slim"
#: Debian 13 has the Python that the present base image has.
_SUITE, _MIRROR = "trixie", "http://deb.debian.org/debian"
_BASE_RECIPE = """\
FROM scratch
ADD base.tar /
RUN ln -s /usr/bin/python3 /usr/local/bin/python
CMD ["python3"]
"""
_TOOLS = ("buildah", "mmdebstrap", "unshare", "setpriv")


def check_tools() -> None:
    """Fails, and says what is to be installed, where a tool is missing."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    assert not missing, f"please install: {' '.join(missing)} (apt-get install buildah mmdebstrap)"
    assert os.geteuid() == 0, "the images are built and started as root"


def buildah(*arguments: str | Path) -> str:
    """Its standard output."""
    done = subprocess.run(
        ["buildah", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (
        f"buildah {arguments[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    )
    return done.stdout.strip()


def make_base() -> None:
    """Afterwards BASE is there, made from Debian's packages."""
    CACHE.mkdir(parents=True, exist_ok=True)
    tree = CACHE / "base.tar"
    if not tree.exists():
        part = tree.with_suffix(".part")
        subprocess.run(
            [
                "mmdebstrap", "--quiet", "--variant=minbase", "--format=tar",
                "--include=python3,python3-venv,ca-certificates",
                "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/man/*",
                _SUITE, str(part), _MIRROR,
            ],
            check=True,
        )  # fmt: skip
        part.rename(tree)
    recipe = CACHE / "Dockerfile"
    recipe.write_text(_BASE_RECIPE)
    buildah("build", "--format", "docker", "--tag", BASE, "--file", recipe, CACHE)


def build(
    part: str,
    tag: str,
    *,
    use_cache: bool = True,
    context: Path = ROOT,
    requirements: str = "image",
) -> None:
    """Builds `Dockerfile.<part>` as `tag`; the same input and time each time it is called."""
    # What stands between this machine and the registries is the machine's own, not the recipe's.
    npmrc = CACHE / "npmrc"
    npmrc.write_text("cafile=/etc/ssl/certs/ca-certificates.crt\n")
    volumes: list[str] = [
        "--volume=/etc/ssl/certs:/etc/ssl/certs:ro",
        f"--volume={npmrc}:{_builder_home()}/.npmrc:ro",
    ]
    if Path("/etc/pip.conf").exists():
        volumes.append("--volume=/etc/pip.conf:/etc/pip.conf:ro")
    cache = () if use_cache else ("--no-cache",)
    buildah(
        "build", "--pull-never", "--format", "docker", "--timestamp", "0", *cache, *volumes,
        *((f"--build-arg=REQUIREMENTS={requirements}",) if part == "checker" else ()),
        "--tag", tag, "--file", f"Dockerfile.{part}", context,
    )  # fmt: skip


def _builder_home() -> str:
    """Home of the account that builds, the base's first."""
    with mounted(BASE) as root:
        return (root / "etc/passwd").read_text().splitlines()[0].split(":")[5]


@contextmanager
def mounted(tag: str) -> Iterator[Path]:
    """The image's files."""
    container = buildah("from", "--pull-never", tag)
    try:
        yield Path(buildah("mount", container))
    finally:
        buildah("rm", container)


def environment_of(tag: str) -> dict[str, str]:
    """What the image sets."""
    return dict(line.split("=", 1) for line in _config(tag)["Env"])


def command_of(tag: str) -> list[str]:
    """What the image starts."""
    return list(_config(tag)["Cmd"])


def _config(tag: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(buildah("inspect", "--type", "image", tag))
    return dict(found["OCIv1"]["config"])


def content_of(tag: str, folder: Path) -> str:
    """All that a registry would be given: configuration, history, and every layer's files."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "image"
    buildah("push", "--quiet", tag, f"dir:{archive}")
    parts = []
    for path in archive.iterdir():
        data = path.read_bytes()
        data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        parts.append(data.decode("latin-1"))
    return "\n".join(parts)


def layer_sizes(tag: str, folder: Path) -> dict[str, int]:
    """Bytes of each layer, compressed as a registry would."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "image"
    buildah("push", "--quiet", "--compression-format", "gzip", tag, f"dir:{archive}")
    manifest = (archive / "manifest.json").read_bytes()
    return {layer["digest"]: layer["size"] for layer in orjson.loads(manifest)["layers"]}


def contained(
    root: Path, command: Sequence[str], *, mounts: Sequence[tuple[Path, str]], workdir: str
) -> list[str]:
    """The words that start `command` in an image's files as a hardened cluster would.

    Read-only, with a /tmp of its own, as uid 10001, without capabilities, never to gain any. The
    network is this machine's. `mounts` are folders and where they are seen.
    """
    lines = [
        "set -eu",
        f'mount --bind "{root}" "{root}"',
        f'mount -t proc proc "{root}/proc"',
        f'mount -t tmpfs tmpfs "{root}/tmp"',
        f'mount -t tmpfs tmpfs "{root}/dev"',
        *(f': > "{root}/dev/{name}"; mount --bind /dev/{name} "{root}/dev/{name}"'
          for name in ("null", "urandom", "random")),
        f'mkdir "{root}/dev/shm"; mount -t tmpfs -o mode=1777 tmpfs "{root}/dev/shm"',
    ]  # fmt: skip
    for folder, place in mounts:
        lines += [f'mkdir -p "{root}{place}"', f'mount --bind "{folder}" "{root}{place}"']
    lines += [
        f'mount -o remount,bind,ro "{root}"',
        f'cd "{root}"',
        (
            "exec chroot . setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs "
            '--bounding-set=-all --inh-caps=-all sh -c \'cd "$1" && shift && exec "$@"\' sh '
            f'{workdir} "$@"'
        ),
    ]
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", "\n".join(lines),
            "sh", *command]  # fmt: skip
