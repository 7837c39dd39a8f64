"""Debian packages unpacked into a cache: nothing is installed, nothing is started.

apt's own resolver says which packages a program needs beyond what the machine already has;
`dpkg -x` unpacks them. Works for root and for an ordinary user.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Unpacking another C library beside the running loader crashes every program that sees it.
_NEVER_UNPACKED = ("libc6_", "libc-bin_", "base-files_", "dpkg_")
_APT_TIMEOUT_S = 900


class PartMissingError(Exception):
    """A real part can't be had; the text names it and what was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Packages unpacked into one tree."""

    name: str  #: the tree's folder name
    packages: tuple[str, ...] = ()  #: with everything they depend on
    single_packages: tuple[str, ...] = ()  #: only themselves: their dependencies are not needed
    suite: str | None = None  #: of Debian, where the machine's own release has them too old


def cache_root() -> Path:
    """Where unpacked packages are kept, for this distribution's release and architecture."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "ntp-checker-tests" / f"{_release()}-{platform.machine()}"


def bundle_tree(bundle: Bundle) -> Path:
    """The unpacked tree of this bundle, fetched if it is not in the cache yet.

    Two runs at once wait for each other. Raises PartMissingError.
    """
    tree = cache_root() / bundle.name
    with _locked(cache_root() / f"{bundle.name}.lock"):
        if not tree.is_dir():
            _fetch(bundle, tree)
    return tree


def drop_bundle(bundle: Bundle) -> None:
    """Forgets an unpacked tree whose programs don't run any more."""
    with _locked(cache_root() / f"{bundle.name}.lock"):
        shutil.rmtree(cache_root() / bundle.name, ignore_errors=True)


def library_path(tree: Path) -> str:
    """LD_LIBRARY_PATH for programs of this tree."""
    folders = {path.parent for top in ("usr/lib", "lib") for path in (tree / top).rglob("*.so*")}
    multiarch = [folder for folder in folders if folder.name.endswith("-linux-gnu")]
    nested = [folder for folder in folders - set(multiarch) if folder.parent in multiarch]
    return ":".join(str(folder) for folder in sorted(multiarch) + sorted(nested))


def missing_libraries(program: Path, libraries: str) -> list[str]:
    """Shared libraries this program would not find. Scripts have none."""
    if not program.read_bytes()[:4].startswith(b"\x7fELF"):
        return []
    env = {**os.environ, "LD_LIBRARY_PATH": libraries, "LC_ALL": "C"}
    told = subprocess.run(["ldd", str(program)], env=env, capture_output=True, text=True)
    return [line.split()[0] for line in told.stdout.splitlines() if "not found" in line]


def _release() -> str:
    fields = dict(
        line.split("=", 1)
        for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
        if "=" in line
    )
    name = fields.get("ID", "linux").strip('"')
    version = (fields.get("VERSION_ID") or fields.get("VERSION_CODENAME") or "rolling").strip('"')
    return f"{name}-{version}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(bundle: Bundle, tree: Path) -> None:
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise PartMissingError(
                f"{' '.join(bundle.packages + bundle.single_packages)}: not installed, and there is"
                f" no {tool} to fetch it with; install it from your distribution"
            )
    with tempfile.TemporaryDirectory(dir=tree.parent, prefix=f"{bundle.name}.") as name:
        archives = Path(name) / "archives"
        (archives / "partial").mkdir(parents=True)
        _download(bundle, archives)
        unpacked = Path(name) / "tree"
        unpacked.mkdir()
        for archive in sorted(archives.glob("*.deb")):
            if not archive.name.startswith(_NEVER_UNPACKED):
                subprocess.run(["dpkg", "-x", str(archive), str(unpacked)], check=True)
        unpacked.rename(tree)


def _download(bundle: Bundle, archives: Path) -> None:
    """The machine's own package lists first; if they are empty or stale, lists of our own."""
    own_lists = cache_root() / f"apt-lists{f'-{bundle.suite}' if bundle.suite else ''}"
    own = ("-o", f"Dir::State::lists={own_lists}")
    attempts: tuple[tuple[str, ...], ...] = ((), own, own)
    if bundle.suite is not None:
        own = (*own, *_only_suite(bundle.suite))
        attempts = (own, own)
    told: list[str] = []
    for options in attempts:
        if options:
            (own_lists / "partial").mkdir(parents=True, exist_ok=True)
            with _locked(cache_root() / "apt-lists.lock"):
                told += _failed(_apt(archives, *options, "update"))
        failures: list[str] = []
        if bundle.packages:
            install = ("--yes", "--download-only", "--no-install-recommends", "install")
            failures += _failed(_apt(archives, *options, *install, *bundle.packages))
        if bundle.single_packages:
            failures += _failed(_apt(archives, *options, "download", *bundle.single_packages))
        if not failures:
            return
        told += failures
    raise PartMissingError(
        f"{' '.join(bundle.packages + bundle.single_packages)}: not installed, and apt-get could"
        f" not download it, also with fresh package lists:\n" + "\n".join(told)
    )


def _only_suite(suite: str) -> tuple[str, ...]:
    """apt's options for one release of Debian, beside the machine's own."""
    sources = cache_root() / f"{suite}.list"
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources.write_text(f"deb [signed-by={keys}] http://deb.debian.org/debian {suite} main\n")
    return ("-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-")


def _apt(archives: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    options = {
        "Debug::NoLocking": "1",
        "Dir::Cache": str(archives.parent / "apt-cache"),
        "Dir::Cache::archives": str(archives),
        # As root apt would download as `_apt`, which may not enter root's home.
        "APT::Sandbox::User": "root",
        "Acquire::http::Timeout": "20",
        "Acquire::https::Timeout": "20",
        "Acquire::Languages": "none",
    }
    (archives.parent / "apt-cache").mkdir(exist_ok=True)
    flags: Sequence[str] = [part for key in options for part in ("-o", f"{key}={options[key]}")]
    return subprocess.run(
        ["apt-get", "-q", *flags, *arguments],
        cwd=archives,
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_APT_TIMEOUT_S,
    )


def _failed(run: subprocess.CompletedProcess[str]) -> list[str]:
    if run.returncode == 0:
        return []
    tail = "\n".join((run.stdout + run.stderr).strip().splitlines()[-8:])
    return [f"`apt-get {run.args[-1]}` ended with {run.returncode}: {tail}"]
