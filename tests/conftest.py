"""What several kinds of tests stand on: real monitored hosts."""

from collections.abc import Callable, Generator, Iterator

import pytest

from tests.rig import Rig, RigHost

_HOSTS = pytest.StashKey[list[RigHost]]()


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
