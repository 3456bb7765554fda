"""The training plans of the demo make all models, with valid settings."""

from chainrule.reports.demo import DATASETS
from chainrule.training import Settings


def test_the_plans_are_complete():
    assert [dataset.name for dataset in DATASETS] == ["binary", "gray"]
    for dataset in DATASETS:
        assert list(dataset.plans) == ["Independent", "MADE", "PixelCNN", "Row LSTM", "Diagonal BiLSTM"]
        for name, plan in dataset.plans.items():
            assert plan.make(dataset.load().domain, seed=0).display_name == name
            assert Settings(**plan.settings).epochs == plan.epochs
