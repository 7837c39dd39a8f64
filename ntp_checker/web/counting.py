"""Each request is counted by its route, with what its answer took."""

import time

from flask import Flask, Response, g, request

from ntp_checker.metrics import DashboardMetrics


def count_requests(app: Flask, metrics: DashboardMetrics) -> None:
    """Before all other rules of `app`, so that it counts what they refuse, too."""

    @app.before_request
    def begin() -> None:
        g.begun_at_s = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        duration_s = time.perf_counter() - g.begun_at_s
        metrics.answered(request.endpoint, response.status_code, duration_s)
        return response
