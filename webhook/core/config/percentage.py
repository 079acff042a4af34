"""Shares: a percentage of an amount, exact in steps of 0.001 %."""

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from webhook.core.values.notation import Notation, quoted

WHOLE = 100_000  # thousandths of a percent in 100 %
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_TOO_FINE = re.compile(r"[0-9]{1,9}\.[0-9]{4,9}%")


@dataclass(frozen=True, slots=True)
class Share(Notation):
    """A share of what is allocatable, 0.1 % to 1000 %, held as whole thousandths of a percent."""

    title: ClassVar[str] = "a percentage"
    pattern: ClassVar[str] = r"^(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?%$"
    example: ClassVar[str] = "75%"
    least: ClassVar[int] = WHOLE // 1000
    most: ClassVar[int] = WHOLE * 10

    thousandths: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a percentage such as 75% or 72.5%; raises ValueError for anything else."""
        if not re.fullmatch(cls.pattern, text):
            raise ValueError(f"{quoted(text)} {cls._fault(text)}")
        whole, _, decimals = text[:-1].partition(".")
        share = cls(int(whole) * 1000 + int(decimals.ljust(3, "0")))
        if not cls.least <= share.thousandths <= cls.most:
            raise ValueError(f"{quoted(text)} is out of range; write {cls(cls.least)} to {cls(cls.most)}")
        return share

    def of(self, amount: int) -> int:
        """Return this share of an amount, rounded down, so a bound is never a byte too large."""
        return amount * self.thousandths // WHOLE

    def grains(self, amount: int) -> int:
        """Return this share of an amount in grains, which is exact: a byte or millicore has `WHOLE` grains."""
        return amount * self.thousandths

    @property
    def ratio(self) -> float:
        """The share as a number (75 % is 0.75), for display; `of` is exact."""
        return self.thousandths / WHOLE

    def __str__(self) -> str:
        """Return the percentage without trailing zeros."""
        whole, decimals = divmod(self.thousandths, 1000)
        return f"{whole}.{decimals:03d}".rstrip("0").rstrip(".") + "%"

    @classmethod
    def _fault(cls, text: str) -> str:
        if _TOO_FINE.fullmatch(text):
            return "is finer than 0.001%; write three decimals at most"
        if _NUMBER.fullmatch(text):
            percentages = (float(text) * 100, float(text))
            fitting = [f"{each:.10g}%" for each in percentages if cls.least <= each * 1000 <= cls.most]
            if fitting:
                return f"has no percent sign; write {' or '.join(fitting)}"
        return f"is not a percentage; write a percentage such as {cls.example}"


class Part(Share):
    """A share of a bound, 0.1 % to 100 %."""

    __slots__ = ()
    title = "a percentage up to 100%"
    example = "90%"
    most = WHOLE
