"""What Prometheus is told."""

import prometheus_client

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters of one server, in a registry of their own."""

    def __init__(self):
        self.registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        self._requests = prometheus_client.Counter(
            "translation_requests",
            "Requests answered.",
            ["api", "signature", "code"],
            registry=self.registry,
        )
        self._seconds = prometheus_client.Histogram(
            "translation_request_seconds",
            "Seconds from a request to its answer.",
            ["api", "signature"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._rows = prometheus_client.Histogram(
            "translation_batch_rows",
            "Rows run at once.",
            ["signature"],
            buckets=_ROWS,
            registry=self.registry,
        )
        self._queue = prometheus_client.Gauge(
            "translation_queue_rows", "Rows waiting.", registry=self.registry
        )
        self._version = prometheus_client.Gauge(
            "translation_model_version",
            "The version that is served.",
            registry=self.registry,
        )
        self._loads = prometheus_client.Counter(
            "translation_model_loads",
            "Versions loaded.",
            ["result"],
            registry=self.registry,
        )
        for result in ("ok", "failed"):
            self._loads.labels(result)

    def answered(
        self, api: str, signature: str, code: str, seconds: float
    ) -> None:
        """Counts a request.

        Args:
            api: `rest` or `grpc`.
            signature: one that the model has, or "".
            code: the name of a gRPC status.
            seconds: what it took.
        """
        self._requests.labels(api, signature, code).inc()
        self._seconds.labels(api, signature).observe(seconds)

    def observe_batcher(self, change: int, signature: str, rows: int) -> None:
        """Notes a change of the queue, and a batch where it has a name."""
        self._queue.inc(change)
        if signature:
            self._rows.labels(signature).observe(rows)

    def loaded(self, version: int) -> None:
        """Notes that a version is served from now on."""
        self._version.set(version)
        self._loads.labels("ok").inc()

    def failed_to_load(self) -> None:
        """Notes a version that cannot be served."""
        self._loads.labels("failed").inc()

    def exposition(self) -> bytes:
        """Returns all of it in Prometheus' text format."""
        return prometheus_client.generate_latest(self.registry)
