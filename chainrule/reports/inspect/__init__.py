"""`chainrule inspect`: a summary of a model, pictures of it, and the page that shows both."""

from chainrule.reports.inspect.model_pictures import Example, ModelPictures, check_site_count, draw_pictures
from chainrule.reports.inspect.model_summary import (
    ModelSummary,
    ReceptiveFields,
    WeightSummary,
    find_receptive_fields,
    summarise_model,
)
from chainrule.reports.inspect.summary_page import WEIGHT_COLUMNS, summary_rows, weight_rows, write_page

__all__ = [
    "WEIGHT_COLUMNS",
    "Example",
    "ModelPictures",
    "ModelSummary",
    "ReceptiveFields",
    "WeightSummary",
    "check_site_count",
    "draw_pictures",
    "find_receptive_fields",
    "summarise_model",
    "summary_rows",
    "weight_rows",
    "write_page",
]
