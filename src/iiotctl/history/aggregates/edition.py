"""The editions of OPC 10000-13 that results can follow, and everything in which the two differ."""

from __future__ import annotations

from enum import StrEnum


class Edition(StrEnum):
    """An edition of the standard. In 1.04 the tables that it prints decide, in 1.05 its text.

    What else we read in it, and why: docs/explanation/decisions/0011-part13-readings.md.
    """

    V1_04 = "1.04"
    V1_05 = "1.05"

    @property
    def counts_uncertain_time(self) -> bool:
        """Uncertain time is in the Good share, or with TreatUncertainAsBad in the Bad one; else in neither (§5.4.3.2.1).

        Only 1.04 says there that what is Uncertain stays so when the status of the result is made.
        """
        return self is Edition.V1_05

    @property
    def looks_at_good_alone(self) -> bool:
        """Where the two limits add up to 100, PercentDataBad has no effect; else only where Good applies too (§4.2.1.2)."""
        return self is Edition.V1_05

    @property
    def counts_equal_codes(self) -> bool:
        """Several values of the worst quality are MultipleValues; else only several codes are (§5.4.3.35, §5.4.3.36)."""
        return self is Edition.V1_05

    @property
    def extrapolated_is_partial(self) -> bool:
        """An interval that data end in is Partial even of a function that goes on behind them (§5.4.3.6, §5.4.3.8)."""
        return self is Edition.V1_05
