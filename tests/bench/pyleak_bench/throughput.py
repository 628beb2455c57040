"""throughput: what a service under full load loses by being watched."""

from pyleak_testing import Watch

from .figure import Figure
from .services import SERVICES, blocking, compare, load, running

PAIRS = 4
OPTIONS = ("--threshold", "20ms")


def watched_load(service):
    watch = Watch.attach(service.pid, *OPTIONS)
    try:
        return load(service)
    finally:
        watch.stop()


def figures(name, service):
    watched, bare = compare(lambda: watched_load(service), lambda: load(service), PAIRS)
    (rates, latencies, costs), (bare_rates, bare_latencies, bare_costs) = watched, bare
    yield Figure(name, "requests/s", rates, "unwatched", bare_rates, "ratio 0.99", headline=True)
    yield Figure(f"{name}, p99 latency", "ms", latencies, "unwatched", bare_latencies, "ratio 1.02")
    yield Figure(f"{name}, CPU of the service a request", "us", costs, "unwatched", bare_costs, "ratio 1.01")


def measure():
    for name, start in SERVICES.items():
        with running(start) as service:
            yield from figures(name, service)
            with blocking(service):
                yield from figures(f"{name}, one block a second", service)
