"""`chainrule inspect`: what a model is and does, in numbers and in pictures."""

from chainrule.reports.inspect.facts import Facts, Fields, Weight, facts_of, fields_of
from chainrule.reports.inspect.page import write_page
from chainrule.reports.inspect.pictures import Example, Tour, check_count, tour_of

__all__ = [
    "Example",
    "Facts",
    "Fields",
    "Tour",
    "Weight",
    "check_count",
    "facts_of",
    "fields_of",
    "tour_of",
    "write_page",
]
