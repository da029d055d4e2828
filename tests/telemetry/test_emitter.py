"""Calls are counted once, whoever asks, and however often the package is switched off and on."""

import os
from threading import Thread
from typing import Any

import pytest
from opentelemetry.metrics import CallbackOptions
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader

from otel_residency.telemetry import names
from otel_residency.telemetry.emitter import Key, Telemetry, Totals

EU: Key = ((names.REGION, "eu"), (names.VIOLATION, False))
US: Key = ((names.REGION, "us"), (names.VIOLATION, True))


def counted(reader: InMemoryMetricReader) -> dict[Any, Any]:
    """What a reader is told now, by region."""
    data = reader.get_metrics_data()
    return {
        (point.attributes or {})[names.REGION]: getattr(point, "value", None)
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == names.METRIC_CALLS
        for point in metric.data.data_points
    }


def telemetry(provider: MeterProvider) -> Telemetry:
    """An activation that uses `provider`."""
    return Telemetry(lambda: None, meter_provider=provider)


def test_a_meter_counts_every_activation() -> None:
    """A meter keeps the first callback it is given; calls of a second activation are told by it too."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    telemetry(provider).count(EU)
    telemetry(provider).count(EU)
    assert counted(reader) == {"eu": 2}


def test_a_new_provider_counts_what_came_after_it() -> None:
    """What was counted before a provider was there is not its business."""
    first, second = InMemoryMetricReader(), InMemoryMetricReader()
    telemetry(MeterProvider([first])).count(EU)
    telemetry(MeterProvider([second])).count(US)
    assert counted(second) == {"us": 1}


def test_every_reader_gets_the_counts() -> None:
    """Two readers of a provider see the same counts, at whatever time they ask."""
    readers = [InMemoryMetricReader(), InMemoryMetricReader()]
    one = telemetry(MeterProvider(readers))
    one.count(EU)
    assert counted(readers[0]) == {"eu": 1}
    one.count(EU)
    assert [counted(reader) for reader in readers] == [{"eu": 2}, {"eu": 2}]


def test_delta_reports_the_difference() -> None:
    """An exporter that prefers deltas gets those."""
    from opentelemetry.sdk.metrics import ObservableCounter

    reader = InMemoryMetricReader({ObservableCounter: AggregationTemporality.DELTA})
    one = telemetry(MeterProvider([reader]))
    one.count(EU)
    assert counted(reader) == {"eu": 1}
    one.count(EU)
    one.count(EU)
    assert counted(reader) == {"eu": 2}


def test_threads_lose_no_count() -> None:
    """Counting from several threads at once adds up."""
    totals = Totals()
    observe = totals.observer()

    def count() -> None:
        for _ in range(5000):
            totals.add(EU)

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [observation.value for observation in observe(CallbackOptions())] == [20_000]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
@pytest.mark.parametrize(("observed", "expected"), [(False, 1), (True, 3)])
def test_a_forked_process_reports_what_it_counted(*, observed: bool, expected: int) -> None:
    """What its parent counted is not told twice, unless the same provider has told of it: that goes on."""
    totals = Totals()
    observe = totals.observer()
    totals.add(EU, 2)
    if observed:
        assert [each.value for each in observe(CallbackOptions())] == [2]
    child = os.fork()
    if child == 0:
        totals.add(EU)
        os._exit(0 if [each.value for each in observe(CallbackOptions())] == [expected] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_process_can_count() -> None:
    """A lock that another thread held when the process forked does not stop the child."""
    totals = Totals()
    with totals._lock:
        child = os.fork()
        if child == 0:
            totals.add(EU)
            os._exit(0 if totals._counts == {EU: 1} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
