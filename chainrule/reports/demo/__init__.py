"""`chainrule demo`: models of handwritten digits that are trained, compared and shown in a report, in minutes."""

from chainrule.reports.demo.demo import DemoResult, run_demo
from chainrule.reports.demo.training_plans import DATASETS, DemoDataset, TrainingPlan

__all__ = ["DATASETS", "DemoDataset", "DemoResult", "TrainingPlan", "run_demo"]
