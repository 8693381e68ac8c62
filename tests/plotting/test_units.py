import pytest

from scalinglaws.plotting._units import (
    format_count,
    format_flops,
    format_number,
    format_seconds,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7.216e10, "72.2B"),
        (1.33e12, "1.33T"),
        (999.96e6, "1B"),
        (999.4e6, "999M"),
        (124e6, "124M"),
        (1500, "1.5K"),
        (18.123, "18.1"),
        (0.05, "0.05"),
        (0, "0"),
        (1e-5, "1.00e-05"),
        (3.2e17, "3.20e+17"),
        (float("nan"), "-"),
    ],
)
def test_counts(value, text):
    assert format_count(value) == text


def test_numbers_flops_and_seconds():
    assert format_number(2085.43) == "2085"
    assert format_number(None) == format_number(float("inf")) == "-"
    assert format_flops(5.76e23) == "5.76e23 FLOPs"
    assert [format_seconds(s) for s in (0.0021, 0.31, 0.9997, 75.0)] == [
        "2.1 ms", "310 ms", "1 s", "75 s",
    ]  # fmt: skip
