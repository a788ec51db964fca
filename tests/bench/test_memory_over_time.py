"""The table of a process's memory over time."""

from bench.memory_over_time import summary


def test_quarters_are_compared():
    flat = [(float(minute), "API 7", 50.0) for minute in range(1, 9)]
    growing = [(float(minute), "task", 100.0 * minute) for minute in range(1, 9)]
    assert summary([*flat, *growing])[2:] == [
        "| API 7 | 50.0 MiB | 50.0 MiB | 50.0 MiB |",
        "| task | 250.0 MiB | 700.0 MiB | 800.0 MiB |",
    ]


def test_process_that_did_not_live_long_enough_has_no_line():
    assert summary([(1.0, "API 7", 50.0), (8.0, "API 8", 50.0)])[2:] == []
