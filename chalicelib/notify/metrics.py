"""Metrics as CloudWatch's embedded format: one line on stdout for each value, at once.

Nothing is kept until the end of an invocation, so one that is killed loses nothing that it measured, and the tick's
heartbeat, published last, is absent exactly when the tick didn't get there.
"""

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "Snapwarden"


class Unread:
    """Of a terminal: its stdout is a table or one JSON document, and no log group takes metrics from it."""

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        pass

    def gauge(self, name: str, value: float) -> None:
        pass

    def seconds(self, name: str, value: float, **dimensions: str) -> None:
        pass


class EmfMetrics:
    """Every value carries the dimension Stage, and the ones it is given."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        self._put(name, MetricUnit.Count, value, dimensions)

    def gauge(self, name: str, value: float) -> None:
        self._put(name, MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.NoUnit, value, {})

    def seconds(self, name: str, value: float, **dimensions: str) -> None:
        self._put(name, MetricUnit.Seconds, value, dimensions)

    def _put(self, name: str, unit: MetricUnit, value: float, dimensions: dict[str, str]) -> None:
        all_of_them = {"Stage": self._stage, **dimensions}
        with single_metric(name, unit, value, namespace=NAMESPACE, default_dimensions=all_of_them) as metric:
            # A service name in the environment would become one more dimension, and every alarm would look elsewhere.
            metric.service = ""
