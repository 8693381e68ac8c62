"""Counts and numbers as people read them; matplotlib is not needed here."""

import math

_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def format_count(value, digits=3):
    """Write a count of parameters or tokens with its unit: K, M, B (1e9) or T (1e12).

    Parameters
    ----------
    value : float
        The count.
    digits : int, default=3
        Significant digits.

    Returns
    -------
    str

    Examples
    --------
    >>> from scalinglaws.plotting._units import format_count
    >>> format_count(7.216e10), format_count(1.33e12), format_count(999.96e6)
    ('72.2B', '1.33T', '1B')
    """
    if not math.isfinite(value):
        return "-"
    if value == 0:
        return "0"
    # Rounding first, so that 999.96e6 becomes 1B and not 1e+03M.
    rounded = float(f"{value:.{digits - 1}e}")
    if not 1e-3 <= abs(rounded) < 1e15:
        return f"{value:.{digits - 1}e}"
    for scale, unit in _UNITS:
        if abs(rounded) >= scale:
            return f"{rounded / scale:.{digits}g}{unit}"
    return f"{rounded:.{digits}g}"


def format_number(value, digits=4):
    """Write a number with the given significant digits, and nothing for a missing one.

    Examples
    --------
    >>> from scalinglaws.plotting._units import format_number
    >>> format_number(482.0123), format_number(None), format_number(0.50001)
    ('482', '-', '0.5')
    """
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.{digits}g}"


def format_flops(value):
    """Write training compute in FLOPs.

    Examples
    --------
    >>> from scalinglaws.plotting._units import format_flops
    >>> format_flops(1e24), format_flops(5.76e23)
    ('1e24 FLOPs', '5.76e23 FLOPs')
    """
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)} FLOPs"


def format_seconds(value):
    """Write a duration in the unit that suits it.

    Examples
    --------
    >>> from scalinglaws.plotting._units import format_seconds
    >>> format_seconds(0.00184), format_seconds(0.31), format_seconds(12.34)
    ('1.8 ms', '310 ms', '12.3 s')
    >>> format_seconds(90), format_seconds(5000), format_seconds(36000)
    ('90 s', '83 min', '10 h')
    """
    if value < 0.9995:
        return f"{value * 1e3:.2g} ms" if value < 0.0995 else f"{value * 1e3:.3g} ms"
    if value < 99.5:
        return f"{value:.3g} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.3g} h"
