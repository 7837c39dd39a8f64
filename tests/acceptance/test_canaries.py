"""A secret of each kind, everything that can fail made to fail, at debug level: none is ever told."""

import re
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher

from tests.acceptance.commands import run
from tests.acceptance.processes import Service, page_url, settings_for, wait_for_page
from tests.canaries import command_lines, found_in, parrot
from tests.certificates import tls_pair
from tests.mail_server import Mailbox, MailServer
from tests.postgres import PostgresServer
from tests.rig import Rig, RigHost
from tests.rig.processes import wait_until
from tests.scrapes import read
from tests.users import basic, bearer

WAIT_S = 120.0
SENT = {
    name: f"canary-{name}-5fd1c3a98e2b70463d5a"
    for name in (
        "database",
        "read_database",
        "smtp",
        "webhook_url",
        "webhook_secret",
        "slack_url",
        "pagerduty",
        "apprise",
        "heartbeat",
        "aws_secret",
        "secret_key",
        "user",
        "wrong_user",
        "wrong_token",
        "broken_key",
        "broken_url",
    )
}
FAILING = ("hook", "chat", "pager", "post", "other", "ses")
#: Of those, what refuses a message for good; the others may yet be put right, and count as dead later.
REFUSING = ("hook", "chat", "pager", "other")
PAGES = (
    "/", "/fragments/fleet", "/alerts", "/silences", "/runbook", "/healthz", "/readyz", "/none",
    "/api/latest", "/api/hosts", "/api/offset", "/api/alerts", "/api/alerts.csv", "/api/silences",
    "/api/none", "/api/offset?range=x",
)  # fmt: skip

#: Where each takes its time until it gives the database up.
FEW_PAGES = ("/", "/alerts", "/api/latest", "/readyz")

FILE = """\
database_url_file: {folder}/database_url
database_read_url_file: {folder}/read_url
heartbeat_url: http://{provider}/beat/{heartbeat}
log_level: debug
secret_key: {secret_key}
auth: basic
users:
  ada: {{password_hash: "{hash}", role: act}}
hosts: ['{target}']
channels:
  mail: {{kind: smtp, from: n@example.org, to: [ops@example.org], host: 127.0.0.1,
         port: {open_port}, security: none, messages_per_s: 20}}
  post: {{kind: smtp, from: n@example.org, to: [ops@example.org], host: localhost,
         port: {guarded_port}, user: n, password: {smtp}}}
  ses: {{kind: ses, from: n@example.org, to: [ops@example.org]}}
  hook: {{kind: webhook, url: "http://{provider}/hook/{webhook_url}", secret: {webhook_secret},
         allow_private: true}}
  chat: {{kind: slack, url: "http://{provider}/services/T1/{slack_url}", allow_private: true}}
  pager: {{kind: pagerduty, url: "http://{provider}/enqueue", secret: {pagerduty},
          allow_private: true}}
  other: {{kind: apprise, urls: ["json://{provider}/{apprise}"]}}
"""


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def open_mail(mailbox: Mailbox) -> Iterator[MailServer]:
    server = MailServer(mailbox, ident="open")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def guarded_mail(tmp_path: Path) -> Iterator[MailServer]:
    """Wants a password, and takes another one than ours."""
    mailbox = Mailbox()
    server = MailServer(
        mailbox,
        ident="guarded",
        tls_context=tls_pair(tmp_path, "localhost")[0],
        require_starttls=True,
        authenticator=mailbox.authenticate,
        auth_required=True,
    )
    server.start()
    yield server
    server.stop()


def _url(server: PostgresServer, password: str) -> str:
    return server.url(user="checker").replace("checker@", f"checker:{password}@")


def _refuse_logins(server: PostgresServer) -> None:
    """Another password, and no session that had the old one."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("ALTER ROLE checker PASSWORD 'another'")
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'checker'"
        )


def _take_logins(server: PostgresServer) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(f"ALTER ROLE checker PASSWORD '{SENT['database']}'".encode())


def _answers(settings: dict[str, str], heads: Sequence[Mapping[str, str]], *pages: str) -> str:
    """Each of these pages, head and body, asked for with each of these heads."""
    told = []
    for head in heads:
        for path in pages:
            request = urllib.request.Request(page_url(settings, path), headers=dict(head))  # noqa: S310
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                    told.append(f"{answer.headers}{answer.read().decode()}")
            except urllib.error.HTTPError as error:
                told.append(f"{error.headers}{error.read().decode()}")
    return "\n".join(told)


def _refused_channels(server: PostgresServer) -> set[str]:
    with psycopg.connect(server.url()) as conn:
        rows = conn.execute(
            "SELECT DISTINCT channel FROM metrics.notification WHERE error_text IS NOT NULL"
        ).fetchall()
    return {channel for (channel,) in rows}


def _mailed_channels(server: PostgresServer) -> set[str]:
    """Those that a mail has told to be dead."""
    with psycopg.connect(server.url()) as conn:
        rows = conn.execute(
            "SELECT subject FROM metrics.alert_event JOIN metrics.notification USING (event_id)"
            " WHERE code = 'channel_dead' AND channel = 'mail' AND notification.state = 'accepted'"
        ).fetchall()
    return {subject for (subject,) in rows}


def _alert_pages(server: PostgresServer) -> list[str]:
    with psycopg.connect(server.url()) as conn:
        rows = conn.execute("SELECT event_id FROM metrics.alert_event").fetchall()
    return [f"/alerts/{event_id}" for (event_id,) in rows]


@pytest.fixture
def secrets(rig: Rig) -> dict[str, str]:
    """All that must not be told; the API's token comes when it is made."""
    made_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(SENT["user"])
    return SENT | {"hash": made_hash, "key": rig.ssh_key_path.read_text().splitlines()[2]}


@pytest.fixture
def provider() -> Iterator[str]:
    with parrot() as running:
        yield running


@pytest.fixture
def settings(
    rig: Rig,
    rig_host: Callable[..., RigHost],
    server: PostgresServer,
    open_mail: MailServer,
    guarded_mail: MailServer,
    provider: str,
    secrets: dict[str, str],
    tmp_path: Path,
) -> dict[str, str]:
    """Of both processes, with everything that can be set and is a secret."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("CREATE ROLE checker LOGIN SUPERUSER")
    _take_logins(server)
    server.require_passwords()
    (tmp_path / "database_url").write_text(_url(server, SENT["database"]))
    (tmp_path / "read_url").write_text(_url(server, SENT["read_database"]))
    (tmp_path / "key").write_text(rig.ssh_key_path.read_text())
    text = FILE.format(
        folder=tmp_path,
        provider=provider,
        target=rig_host(clock_offset_s=0.25).target,
        open_port=open_mail.port,
        guarded_port=guarded_mail.port,
        **secrets,
    )
    (tmp_path / "settings.yaml").write_text(text)
    return settings_for(
        rig.env() | {"NTP_CHECKER_SSH_KEY_PATH": str(tmp_path / "key")},
        tmp_path / "data",
        NTP_CHECKER_CONFIG=str(tmp_path / "settings.yaml"),
        SSL_CERT_FILE=str(tmp_path / "server.pem"),
        AWS_ENDPOINT_URL_SESV2=f"http://{provider}",
        AWS_REGION="eu-west-1",
        AWS_ACCESS_KEY_ID="AKIA",
        AWS_SECRET_ACCESS_KEY=SENT["aws_secret"],
    )


def _wait_refused(monitor: Service, server: PostgresServer) -> None:
    """Until each channel but one has refused, and that one has told of it."""
    wait_until(lambda: _refused_channels(server) >= set(FAILING), "all refuse", timeout_s=WAIT_S)
    wait_until(lambda: _mailed_channels(server) >= set(REFUSING), "it is mailed", timeout_s=WAIT_S)
    monitor.wait_for("heartbeat not taken", timeout_s=WAIT_S)


def _spoil_files(monitor: Service, folder: Path) -> None:
    """The key, and then the settings, whose URLs are no longer any; mended again afterwards."""
    (folder / "key").write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SENT['broken_key']}\n")
    monitor.wait_for("SSH key refused", timeout_s=WAIT_S)
    file = folder / "settings.yaml"
    text = file.read_text()
    file.write_text(text.replace("http://", f"{SENT['broken_url']}://"))
    monitor.send(signal.SIGHUP)
    monitor.wait_for("settings file refused", timeout_s=WAIT_S)
    file.write_text(text)


def _said_by_commands(settings: dict[str, str]) -> dict[str, str]:
    """What each command prints; the channels are tried, and refuse."""
    said = {}
    for command in ("config show", "config check", "token list", "alerts list --all"):
        done = run(*command.split(), settings=settings)
        assert done.returncode == 0, done.stderr
        said[command] = done.stdout + done.stderr
    for channel in FAILING:
        tried = run("alerts", "test", channel, settings=settings)
        assert tried.returncode == 1
        said[f"alerts test {channel}"] = tried.stdout + tried.stderr
    assert "535" in said["alerts test post"]
    assert "Amazon SES" in said["alerts test ses"]
    return said


def _scraped(service: Service) -> str:
    """What Prometheus reads of it."""
    served = re.search(r'"port": (\d+)[^\n]*"metrics are served"', service.log)
    assert served, service.log
    status, body = read(f"http://127.0.0.1:{served[1]}/metrics")
    assert status == 200
    return body.decode()


@pytest.mark.timeout(600)
def test_secret_of_any_kind_when_everything_fails_then_it_is_found_nowhere(
    settings: dict[str, str],
    secrets: dict[str, str],
    server: PostgresServer,
    mailbox: Mailbox,
    tmp_path: Path,
) -> None:
    secrets["token"] = run("token", "create", "ci", settings=settings).stdout.strip()
    ada, *others = (basic("ada", SENT[name]) for name in ("user", "wrong_user"))
    tokens = [bearer(secrets["token"]), bearer(f"ntpc_{SENT['wrong_token']}")]
    told = {}
    with (
        Service("monitor", settings=settings) as monitor,
        Service("dashboard", settings=settings) as dashboard,
    ):
        wait_for_page(dashboard, "/healthz", timeout_s=WAIT_S)
        _wait_refused(monitor, server)
        told["answers, without a database to read"] = _answers(settings, [ada], *FEW_PAGES)
        (tmp_path / "read_url").write_text(_url(server, SENT["database"]))
        pages = (*PAGES, *_alert_pages(server))
        told["answers"] = _answers(settings, [{}, ada, *others, *tokens], *pages)
        told["ps"] = command_lines()
        told["metrics"] = _scraped(monitor) + _scraped(dashboard)
        _refuse_logins(server)
        told["answers, without a database"] = _answers(settings, [ada], *FEW_PAGES)
        monitor.wait_for("samples cannot be stored", timeout_s=WAIT_S)
        _spoil_files(monitor, tmp_path)
        _take_logins(server)
        told |= _said_by_commands(settings)
        monitor.stop()
        dashboard.stop()
        told |= {"monitor's log": monitor.log, "dashboard's log": dashboard.log}
    told |= {"mails": mailbox.text(), "database": server.dump("postgres")}
    for path in (tmp_path / "data").rglob("*"):
        told[path.name] = path.read_bytes().decode(errors="replace") if path.is_file() else ""

    print(f"{len(secrets)} secrets in {sum(map(len, told.values()))} characters of {sorted(told)}")
    found = {where: found_in(text, secrets) for where, text in told.items()}
    assert {where: names for where, names in found.items() if names} == {}
