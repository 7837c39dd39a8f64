"""The dashboard: pages for people, JSON for programs, over the database and nothing else."""

import secrets
from collections.abc import Collection

from flask import Flask

from ntp_checker.metrics import DashboardMetrics
from ntp_checker.resources import runbook_path
from ntp_checker.store.pool import ActPool, ReaderPool
from ntp_checker.web.access import add_access_rules
from ntp_checker.web.alert_page import make_alert_page
from ntp_checker.web.alerts import make_alerts
from ntp_checker.web.api import make_api
from ntp_checker.web.assets import Assets
from ntp_checker.web.basic import Passwords
from ntp_checker.web.counting import count_requests
from ntp_checker.web.errors import add_error_pages
from ntp_checker.web.forgery import add_forgery_rules, add_name_rule
from ntp_checker.web.health import make_health
from ntp_checker.web.pages import make_pages
from ntp_checker.web.responses import BODY_LIMIT_BYTES, add_response_rules
from ntp_checker.web.runbook import make_runbook
from ntp_checker.web.services import Services
from ntp_checker.web.sign_in import Gate
from ntp_checker.web.silences import make_silences


def create_app(
    *,
    read_pool: ReaderPool,
    interval_s: float,
    version: str,
    act_pool: ActPool | None = None,
    passwords: Passwords | None = None,
    secret_key: str | None = None,
    command: str = "ntp-checker",
    public_url: str | None = None,
    simulated: bool = False,
    metrics: DashboardMetrics | None = None,
    names: Collection[str] | None = None,
) -> Flask:
    """The WSGI application; all it needs is passed in.

    `interval_s` stands for the interval of hosts that have none stored; `public_url` is where
    people reach the dashboard, if that is known; `command` is how hints call ntp-checker.
    `act_pool` is for what changes something; without it nothing can be changed. By
    `passwords` people sign in; None: nobody has to. `secret_key` signs cookies; None: one that ends
    with this process.
    `simulated` says that no real host is behind the samples; every page and answer then says so.
    `metrics` are those that are served somewhere; left out, nobody reads them. `names` are the only
    ones that a request may ask for; None: any.
    """
    app = Flask(__name__, static_folder=None, template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT_BYTES
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    services = Services(
        read_pool=read_pool,
        act_pool=act_pool,
        interval_s=interval_s,
        version=version,
        command=command,
        assets=Assets(),
        metrics=metrics or DashboardMetrics(version=version, pool_stats=read_pool.get_stats),
        is_https=(public_url or "").startswith("https://"),
        is_simulated=simulated,
    )
    app.extensions["ntp_checker"] = services
    count_requests(app, services.metrics)
    add_response_rules(app, services)
    if names is not None:
        add_name_rule(app, names)
    gate = Gate(passwords=passwords, read_pool=read_pool, act_pool=act_pool)
    add_access_rules(app, gate.let_in)
    app.secret_key = secret_key or secrets.token_hex(32)
    add_forgery_rules(app, public_url)
    add_error_pages(app, services)
    app.register_blueprint(make_pages(services))
    app.register_blueprint(make_alerts(services))
    app.register_blueprint(make_alert_page(services))
    app.register_blueprint(make_silences(services))
    app.register_blueprint(make_api(services))
    app.register_blueprint(make_runbook(runbook_path().read_text(encoding="utf-8")))
    app.register_blueprint(make_health(services))
    return app
