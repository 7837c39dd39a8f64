"""What several kinds of tests stand on: real monitored hosts, and signals as a terminal has them."""

import signal
from collections.abc import Callable, Generator, Iterator

import pytest

from tests.rig import Rig, RigHost

_HOSTS = pytest.StashKey[list[RigHost]]()


def pytest_configure() -> None:
    """Started by nohup or in the background, the processes of tests would not hear these."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            own = signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL
            signal.signal(number, own)


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    """One fleet for the whole run, without hosts: each test starts its own by `rig_host`."""
    with Rig() as started:
        yield started


@pytest.fixture
def rig_host(rig: Rig, request: pytest.FixtureRequest) -> Iterator[Callable[..., RigHost]]:
    """Starts hosts as Rig.host() does, and ends them with the test. The name may be left out."""
    hosts: list[RigHost] = []
    request.node.stash[_HOSTS] = hosts

    def start(name: str | None = None, **wanted: object) -> RigHost:
        host = rig.host(name or f"{request.node.name}-{len(hosts)}", **wanted)  # type: ignore[arg-type]  # checked by Rig.host
        hosts.append(host)
        return host

    yield start
    for host in hosts:
        rig.retire(host)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows what the hosts' daemons said when a test failed."""
    report = yield
    if report.failed:
        for host in item.stash.get(_HOSTS, []):
            if host.folder.is_dir():
                report.sections.append((f"host {host.name}", host.logs()))
    return report
