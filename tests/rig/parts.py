"""Finds the real programs that tests stand on: installed, or unpacked into a cache."""

import functools
import os
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.rig.packages import (
    Bundle,
    PartMissingError,
    bundle_tree,
    cache_root,
    drop_bundle,
    library_path,
    missing_libraries,
)

_APPARMOR = Path("/etc/apparmor.d")
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin", "/bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One program and where it comes from."""

    program: str
    bundle: Bundle
    path: str  #: of the executable inside the bundle's tree
    system_names: tuple[str, ...] = ()  #: other names it is installed under


_CHRONY = Bundle(name="chrony", packages=("chrony",))
# gpsd-clients itself depends on a whole desktop; gpspipe needs no more than gpsd does.
_GPSD = Bundle(name="gpsd", packages=("gpsd",), single_packages=("gpsd-clients",))
_SSH = Bundle(name="openssh", packages=("openssh-server", "openssh-client"))
_CHROMIUM = Bundle(name="chromium", packages=("chromium", "fontconfig-config", "fonts-dejavu-core"))
_PLUGINS = Bundle(name="plugins", single_packages=("monitoring-plugins-basic",))
# Version 5 reads overlays as the present kubectl does; Debian 12 has none of it.
_KUSTOMIZE = Bundle(name="kustomize", single_packages=("kustomize",), suite="trixie")
# Go programs: nothing of what the package depends on is needed.
_PROMETHEUS = Bundle(name="prometheus", single_packages=("prometheus",))
_NSS_WRAPPER = Bundle(name="nss-wrapper", single_packages=("libnss-wrapper",))

PARTS = {
    part.program: part
    for part in (
        Part(program="sshd", bundle=_SSH, path="usr/sbin/sshd"),
        Part(program="ssh", bundle=_SSH, path="usr/bin/ssh"),
        Part(program="ssh-keygen", bundle=_SSH, path="usr/bin/ssh-keygen"),
        Part(program="chronyd", bundle=_CHRONY, path="usr/sbin/chronyd"),
        Part(program="chronyc", bundle=_CHRONY, path="usr/bin/chronyc"),
        Part(program="check_by_ssh", bundle=_PLUGINS, path="usr/lib/nagios/plugins/check_by_ssh"),
        Part(program="kustomize", bundle=_KUSTOMIZE, path="usr/bin/kustomize"),
        Part(program="gpsd", bundle=_GPSD, path="usr/sbin/gpsd"),
        Part(program="gpspipe", bundle=_GPSD, path="usr/bin/gpspipe"),
        Part(program="prometheus", bundle=_PROMETHEUS, path="usr/bin/prometheus"),
        Part(program="promtool", bundle=_PROMETHEUS, path="usr/bin/promtool"),
        Part(
            program="chromium",
            bundle=_CHROMIUM,
            path="usr/lib/chromium/chromium",
            system_names=("chromium-browser", "google-chrome", "google-chrome-stable"),
        ),
    )
}


@functools.cache
def find_part(program: str) -> Path:
    """The absolute path of an executable that runs this program.

    A program that is not installed is unpacked into the cache, and the path is that of a small
    script that sets its library path. Raises PartMissingError, which names what was tried.
    """
    part = PARTS[program]
    installed = _installed(part)
    if installed is not None:
        return _unconfined(installed)
    script = _unpacked(part)
    if script is None:  # the machine's libraries changed since it was unpacked
        drop_bundle(part.bundle)
        script = _unpacked(part)
    if script is None:
        raise PartMissingError(
            f"{program}: its packages were unpacked, but it still lacks shared libraries:"
            f" {', '.join(_lacking(part))}"
        )
    return script


def unpacked_tree(program: str) -> Path | None:
    """The tree this program was unpacked into; None when it is installed."""
    path = find_part(program)
    tree = bundle_tree(PARTS[program].bundle) if _installed(PARTS[program]) is None else None
    return tree if tree is not None and path.is_relative_to(tree) else None


def account_library() -> Path:
    """The library that lets one program see other accounts than the machine's: nss_wrapper(1).

    Raises PartMissingError.
    """
    tree = bundle_tree(_NSS_WRAPPER)
    for found in tree.rglob("libnss_wrapper.so*"):
        return found
    raise PartMissingError("libnss_wrapper.so: not in the package libnss-wrapper")


def _installed(part: Part) -> Path | None:
    for name in (part.program, *part.system_names):
        found = shutil.which(name) or shutil.which(name, path=":".join(_SYSTEM_FOLDERS))
        if found is not None:
            return Path(found)
    return None


def _unconfined(program: Path) -> Path:
    """The program itself, or a copy where AppArmor would keep it from files outside its own.

    Its profiles go by path: those of chronyd and gpsd allow no configuration of ours.
    """
    profile = _APPARMOR / str(program.resolve()).strip("/").replace("/", ".")
    if not profile.exists():
        return program
    copy = cache_root() / "copies" / program.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    if not copy.exists() or copy.stat().st_mtime != program.stat().st_mtime:
        new = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copy2(program, new)
        new.replace(copy)
    return copy


def _lacking(part: Part) -> list[str]:
    tree = bundle_tree(part.bundle)
    return missing_libraries(tree / part.path, library_path(tree))


def _unpacked(part: Part) -> Path | None:
    """The start script of an unpacked part, made if need be; None if its libraries are gone."""
    tree = bundle_tree(part.bundle)
    if not (tree / part.path).is_file():
        raise PartMissingError(
            f"{part.program}: not installed, and not at {part.path} in the packages"
            f" {', '.join(part.bundle.packages + part.bundle.single_packages)}"
        )
    if _lacking(part):
        return None
    lines = ["#!/bin/sh", f"export LD_LIBRARY_PATH={shlex.quote(library_path(tree))}"]
    if part.bundle is _CHROMIUM:
        lines.append(f"export FONTCONFIG_FILE={shlex.quote(str(_fonts_config(tree)))}")
    lines.append(f'exec {shlex.quote(str(tree / part.path))} "$@"')
    script = tree / "run" / part.program
    _replace(script, "\n".join(lines) + "\n", mode=0o755)
    return script


def _fonts_config(tree: Path) -> Path:
    """A fontconfig file that knows the unpacked fonts and the machine's."""
    config = tree / "run" / "fonts.conf"
    folders = f"<dir>{tree}/usr/share/fonts</dir><dir>/usr/share/fonts</dir>"
    cache = f"<cachedir>{tree}/run/fontconfig</cachedir>"
    head = '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">'
    _replace(config, f"{head}\n<fontconfig>{folders}{cache}</fontconfig>\n", mode=0o644)
    return config


def _replace(path: Path, text: str, *, mode: int) -> None:
    """Writes a file in one step: another run may be reading it."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f"{path.name}.", delete=False
    ) as new:
        new.write(text)
    Path(new.name).chmod(mode)
    Path(new.name).replace(path)


@functools.cache
def openssh_version() -> tuple[int, int]:
    """Version of the sshd found, e.g. (9, 2)."""
    told = subprocess.run([find_part("ssh"), "-V"], capture_output=True, text=True, check=True)
    major, minor = told.stderr.split("OpenSSH_", 1)[1].split("p", 1)[0].split(",")[0].split(".")
    return int(major), int(minor)
