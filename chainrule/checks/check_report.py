"""Results of checks: a finding for each law, the report of all findings, and the decorator that makes findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Literal, ParamSpec

from torch import Tensor

from chainrule.domains import Domain

SitePairs = tuple[tuple[int, int], ...]
"""Pairs (site of the output, site of the input), as indices into the flattened datum."""

P = ParamSpec("P")


@dataclass(frozen=True)
class Finding:
    """Store the result of the check of one law.

    Attributes:
        law: the number and the name of the law.
        status: "not run" if the law cannot be checked on this model; `detail` then says why.
        detail: what was tested, or what is wrong and at which site.
        pairs: all pairs (output, input) where an output depends on an input that it must not depend on.

    Example:
        >>> print(Finding("1 no leak", "passed", "4 conditionals against 4 inputs"))
        passed   1 no leak: 4 conditionals against 4 inputs
    """

    law: str
    status: Literal["passed", "failed", "not run"]
    detail: str
    pairs: SitePairs = ()

    @property
    def passed(self) -> bool:
        """True unless the check failed; a law that could not be checked passes too."""
        return self.status != "failed"

    def __str__(self) -> str:
        return f"{self.status:7}  {self.law}: {self.detail}"


@dataclass(frozen=True)
class CheckReport:
    """Store the findings of all laws; `print` shows one line for each law.

    Attributes:
        findings: one finding for each check, in the order of the laws.

    Example:
        >>> report = CheckReport((Finding("2 normalization", "failed", "the total is 2, not 1"),))
        >>> report.passed
        False
    """

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """True if no check failed."""
        return all(finding.passed for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


class CheckFailed(Exception):
    """Report, from within a check, that the law does not hold; the message says where and by how much."""

    def __init__(self, detail: str, pairs: SitePairs = ()) -> None:
        super().__init__(detail)
        self.pairs = pairs


class CheckNotRun(Exception):
    """Report, from within a check, that the law cannot be checked on this model; the message says why."""


def law(name: str) -> Callable[[Callable[P, str]], Callable[P, Finding]]:
    """Decorate a check that returns what it tested, so that it returns a `Finding` and never raises."""

    def decorate(check: Callable[P, str]) -> Callable[P, Finding]:
        @wraps(check)
        def run_check(*args: P.args, **kwargs: P.kwargs) -> Finding:
            try:
                return Finding(name, "passed", check(*args, **kwargs))
            except CheckFailed as failure:
                return Finding(name, "failed", str(failure), failure.pairs)
            except CheckNotRun as reason:
                return Finding(name, "not run", str(reason))
            except Exception as error:  # a user's model may raise anything, and that it does is a finding too
                return Finding(name, "failed", f"the model raised {type(error).__name__}: {error}")

        return run_check

    return decorate


def mask_to_pairs(mask: Tensor) -> SitePairs:
    """Return the entries of a mask, bool [outputs, inputs], that are True."""
    return tuple((output, site) for output, site in mask.nonzero().tolist())


def describe_pairs(domain: Domain, pairs: SitePairs, *, verb: str = "depends on") -> str:
    """Return the first of the pairs as text, with the number of pairs.

    Example:
        >>> from chainrule.domains import Binary
        >>> describe_pairs(Binary((4,)), ((1, 2), (1, 3), (2, 3)))
        'the conditional of site 1 depends on site 2 (one of 3 such pairs)'
    """
    output, site = pairs[0]
    more = f" (one of {len(pairs)} such pairs)" if len(pairs) > 1 else ""
    return f"the conditional of {domain.describe_site(output)} {verb} {domain.describe_site(site)}{more}"
