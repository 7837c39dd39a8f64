"""For orchestrators: is the process up, and can it serve. No details for strangers."""

import structlog
from flask import Blueprint, Response

from ntp_checker.errors import StoreError
from ntp_checker.store.reads import check_schema, reading
from ntp_checker.web.access import Access, access
from ntp_checker.web.responses import request_id
from ntp_checker.web.services import Services

log = structlog.get_logger()

_READY_LIMIT_S = 2.0


def make_health(services: Services) -> Blueprint:
    """/healthz and /readyz."""
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    @access(Access.PUBLIC)
    def healthz() -> Response:
        """200 while the process serves, whatever the database does."""
        return Response("ok\n", mimetype="text/plain")

    @health.get("/readyz")
    @access(Access.PUBLIC)
    def readyz() -> Response:
        """200 when the database answers and has the schema of this release, else 503."""
        try:
            with reading(services.read_pool, limit_s=_READY_LIMIT_S) as connection:
                check_schema(connection)
        except StoreError as error:
            log.warning("not ready", request_id=request_id(), error=error)
            return Response("not ready\n", status=503, mimetype="text/plain")
        return Response("ready\n", mimetype="text/plain")

    return health
