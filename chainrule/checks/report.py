"""What a check of a law found, and the words for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Literal, ParamSpec

from torch import Tensor

from chainrule.domains import Domain

Pairs = tuple[tuple[int, int], ...]
"""(site of the output, site of the input), as sites are numbered in the flattened datum."""

P = ParamSpec("P")


@dataclass(frozen=True)
class Finding:
    """What became of one law.

    Attributes:
        law: its number and name.
        status: "not run" where the law cannot be checked on this model; `detail` says why, and what stands in for it.
        detail: what was run, or what is wrong and where.
        pairs: where sites see what they must not see, every (site that sees, site that is seen).

    Example:
        >>> print(Finding("1 no leak", "passed", "4 conditionals against 4 inputs"))
        passed   1 no leak: 4 conditionals against 4 inputs
    """

    law: str
    status: Literal["passed", "failed", "not run"]
    detail: str
    pairs: Pairs = ()

    @property
    def passed(self) -> bool:
        """Not broken, as far as could be seen: a law that was not run passes too."""
        return self.status != "failed"

    def __str__(self) -> str:
        return f"{self.status:7}  {self.law}: {self.detail}"


@dataclass(frozen=True)
class Report:
    """The findings of all laws."""

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        return all(finding.passed for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


class Broken(Exception):
    """Raised by a law's check: the law does not hold. The message says where and by how much."""

    def __init__(self, detail: str, pairs: Pairs = ()) -> None:
        super().__init__(detail)
        self.pairs = pairs


class NotRun(Exception):
    """Raised by a law's check: the law cannot be checked on this model."""


def law(name: str) -> Callable[[Callable[P, str]], Callable[P, Finding]]:
    """Makes a check, which returns what it ran or raises what it found, one that returns a `Finding`."""

    def decorate(check: Callable[P, str]) -> Callable[P, Finding]:
        @wraps(check)
        def found(*args: P.args, **kwargs: P.kwargs) -> Finding:
            try:
                return Finding(name, "passed", check(*args, **kwargs))
            except Broken as fault:
                return Finding(name, "failed", str(fault), fault.pairs)
            except NotRun as reason:
                return Finding(name, "not run", str(reason))
            except Exception as error:  # a user's model may raise anything, and that it does is a finding too
                return Finding(name, "failed", f"the model raised {type(error).__name__}: {error}")

        return found

    return decorate


def pairs_of(wrong: Tensor) -> Pairs:
    """The entries of a matrix [output, input] that are True."""
    return tuple((output, site) for output, site in wrong.nonzero().tolist())


def pairs_in_words(domain: Domain, pairs: Pairs, sees: str = "sees") -> str:
    """`the conditional of row 0, column 1 sees row 1, column 0`: the first of the pairs, and how many more there are.

    Example:
        >>> from chainrule.domains import Binary
        >>> pairs_in_words(Binary((4,)), ((1, 2), (1, 3), (2, 3)))
        'the conditional of site 1 sees site 2 (one of 3 such pairs)'
    """
    output, site = pairs[0]
    more = f" (one of {len(pairs)} such pairs)" if len(pairs) > 1 else ""
    return f"the conditional of {domain.describe_site(output)} {sees} {domain.describe_site(site)}{more}"
