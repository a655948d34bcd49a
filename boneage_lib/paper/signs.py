"""Numbers with a sign, in print."""

from __future__ import annotations


def signed(value: float, decimals: int, plus: bool = False) -> str:
    """A number with a proper minus sign, none for what rounds to zero; a plus sign if wanted."""
    text = f"{value:+z.{decimals}f}" if plus else f"{value:z.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}")
