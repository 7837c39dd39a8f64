"""The images themselves: small, the same twice, and at work in a hardened cluster's confinement."""

import getpass
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.images import builder
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.processes import RigError, free_tcp_port, wait_until

PARTS = ("checker", "dashboard")
UID = 10_001
#: Of what lies above the base, compressed.
MAX_BYTES = 75_000_000
START_S = 90.0


@pytest.fixture(scope="module", autouse=True)
def images() -> None:
    builder.check_tools()
    builder.make_base()
    for part in PARTS:
        builder.build(part, f"ntp-checker/{part}")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    port = free_tcp_port("127.0.0.1")
    postgres = PostgresServer(settings={"listen_addresses": "127.0.0.1", "port": str(port)})
    try:
        yield postgres
    finally:
        postgres.stop()


@pytest.fixture
def url(server: PostgresServer) -> str:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("DROP DATABASE IF EXISTS ntp")
        conn.execute("CREATE DATABASE ntp")
    return f"postgresql://postgres@127.0.0.1:{server.port}/ntp"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return owned(tmp_path / "spool")


def owned(folder: Path) -> Path:
    """A folder as Kubernetes gives one to the pod's account; those above it let it pass."""
    folder.mkdir(parents=True)
    os.chown(folder, UID, UID)
    return folder


class Container:
    """One process of an image, confined; ended with the `with` block."""

    def __init__(self, part: str, root: Path, log: Path, **given: Any) -> None:
        tag = f"ntp-checker/{part}"
        environment = builder.environment_of(tag) | given.pop("env")
        command = given.pop("command", None) or builder.command_of(tag)
        self._log = log
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                builder.contained(root, command, workdir="/app", **given),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def wait(self, timeout_s: float = START_S) -> int:
        return self._process.wait(timeout=timeout_s)

    def stop(self) -> int:
        """SIGTERM to the image's own process, as a cluster sends it."""
        for pid in self._inner():
            os.kill(pid, signal.SIGTERM)
        return self.wait(15)

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _inner(self) -> list[int]:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Container]]:
    containers: list[Container] = []
    mounts = []

    def start_one(part: str, **given: Any) -> Container:
        mount = builder.mounted(f"ntp-checker/{part}")
        mounts.append(mount)
        container = Container(part, mount.__enter__(), tmp_path / f"log{len(containers)}", **given)
        containers.append(container)
        return container

    yield start_one
    for container in containers:
        container.kill()
    for mount in mounts:
        mount.__exit__(None, None, None)


def status_of(url: str) -> int | None:
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310 - ours
            return int(answer.status)
    except urllib.error.HTTPError as err:
        return err.code
    except OSError:
        return None


@pytest.mark.parametrize("part", PARTS)
def test_image_when_built_then_what_is_above_its_base_is_small(part: str, tmp_path: Path) -> None:
    of_base = builder.layer_sizes(builder.BASE, tmp_path / "base")
    layers = builder.layer_sizes(f"ntp-checker/{part}", tmp_path / part)
    above = sum(layers.values()) - sum(of_base.values())
    print(f"{part}: {above / 1e6:.1f} MB above the base, {sum(of_base.values()) / 1e6:.1f} MB")

    assert 0 < above <= MAX_BYTES


@pytest.mark.parametrize("part", PARTS)
def test_image_when_built_again_from_nothing_then_the_same(part: str, tmp_path: Path) -> None:
    builder.build(part, f"ntp-checker/{part}:again", use_cache=False)
    layers = builder.layer_sizes(f"ntp-checker/{part}", tmp_path / "first")

    assert builder.layer_sizes(f"ntp-checker/{part}:again", tmp_path / "second") == layers


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("tool", ["pip", "pip3", "node", "npm", "gcc", "cc"])
def test_image_when_looked_through_then_nothing_to_build_or_install_with(
    part: str, tool: str
) -> None:
    with builder.mounted(f"ntp-checker/{part}") as root:
        found = [
            path
            for folder in ("usr/bin", "usr/local/bin", "opt/ntp-checker/bin")
            for path in (root / folder).glob(f"{tool}*")
            if path.name == tool
        ]

    assert found == []


def test_checker_when_built_with_apprise_then_its_channels_open(
    start: Callable[..., Container],
) -> None:
    tag = "checker-apprise"
    builder.build("checker", f"ntp-checker/{tag}", requirements="image-apprise")
    program = (
        "from ntp_checker.notify.apprise import AppriseChannel;"
        "print(AppriseChannel(name='chat', urls=['json://192.0.2.1/hook']))"
    )
    opened = start(tag, env={}, mounts=[], command=["python3", "-c", program])

    assert opened.wait() == 0, opened.log


def test_checker_when_confined_then_looks_stores_and_leaves_in_time(
    start: Callable[..., Container],
    rig: Rig,
    rig_host: Callable[..., RigHost],
    url: str,
    spool: Path,
    tmp_path: Path,
) -> None:
    host = rig_host()
    secrets = owned(tmp_path / "secrets")
    for source, name in ((rig.ssh_key_path, "id_ed25519"), (rig.known_hosts_path, "known_hosts")):
        (secrets / name).write_bytes(source.read_bytes())
        os.chown(secrets / name, UID, UID)
        (secrets / name).chmod(0o400)
    (secrets / "url").write_text(url)
    port = free_tcp_port("127.0.0.1")
    env = {
        "DATABASE_URL_FILE": "/run/secrets/url",
        "NTP_CHECKER_HOSTS": host.target,
        "NTP_CHECKER_SSH_USER": getpass.getuser(),
        "NTP_CHECKER_INTERVAL_S": "1",
        "NTP_CHECKER_SSH_KEY_PATH": "/run/secrets/id_ed25519",
        "NTP_CHECKER_SSH_KNOWN_HOSTS_PATH": "/run/secrets/known_hosts",
        "NTP_CHECKER_METRICS_LISTEN": f"127.0.0.1:{port}",
    }
    mounts = [(secrets, "/run/secrets"), (spool, "/var/lib/ntp-checker")]
    migrate = start("checker", env=env, mounts=mounts, command=["ntp-checker", "db", "migrate"])
    assert migrate.wait() == 0, migrate.log
    checker = start("checker", env=env, mounts=mounts)

    def rows() -> int:
        with psycopg.connect(url) as conn:
            found = conn.execute("SELECT count(*) FROM metrics.ntp WHERE status = 'ok'").fetchone()
        return int(found[0]) if found else 0

    try:
        wait_until(lambda: rows() >= 3, "it stores", timeout_s=START_S)
    except RigError:
        pytest.fail(checker.log)
    ready = f"http://127.0.0.1:{port}"
    assert (status_of(f"{ready}/healthz"), status_of(f"{ready}/readyz")) == (200, 200)
    assert checker.stop() == 0, checker.log
    assert "Traceback" not in checker.log


def test_dashboard_when_confined_then_serves_who_signs_in(
    start: Callable[..., Container], url: str, spool: Path
) -> None:
    port, metrics = free_tcp_port("127.0.0.1"), free_tcp_port("127.0.0.1")
    env = {
        "DATABASE_URL": url,
        "NTP_CHECKER_LISTEN": f"127.0.0.1:{port}",
        "NTP_CHECKER_METRICS_LISTEN": f"127.0.0.1:{metrics}",
        "NTP_CHECKER_SECRET_KEY": "0123456789abcdef" * 4,
        "NTP_CHECKER_USERS": "ada:read:$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzYWx0$"
        "2H1KjS8Yk0GZqBzH9yIT5yhoRRYUSJwvP5ZK1D4zVjM",
    }
    mounts = [(spool, "/var/lib/ntp-checker")]
    migrate = start("checker", env=env, mounts=mounts, command=["ntp-checker", "db", "migrate"])
    assert migrate.wait() == 0, migrate.log
    dashboard = start("dashboard", env=env, mounts=mounts)
    base = f"http://127.0.0.1:{port}"

    try:
        wait_until(lambda: status_of(f"{base}/readyz") == 200, "it is ready", timeout_s=START_S)
    except RigError:
        pytest.fail(dashboard.log)
    assert status_of(f"{base}/") == 401
    assert dashboard.stop() == 0, dashboard.log


@pytest.mark.parametrize(
    ("part", "env", "named"),
    [
        ("checker", {}, "DATABASE_URL"),
        ("dashboard", {}, "NTP_CHECKER_"),
        ("checker", {"DATABASE_URL": "mysql://db"}, "DATABASE_URL"),
        ("checker", {"NTP_CHECKER_INTERVALL_S": "5"}, "NTP_CHECKER_INTERVALL_S"),
    ],
)
def test_image_when_its_environment_is_wrong_then_the_last_line_names_the_key(
    start: Callable[..., Container], part: str, env: dict[str, str], named: str, spool: Path
) -> None:
    container = start(part, env=env, mounts=[(spool, "/var/lib/ntp-checker")])

    assert container.wait() == 2, container.log
    assert named in container.log.strip().splitlines()[-1]
