"""Sampling: schedules, the decode loop, draws, and samplers with their incremental caches."""

from chainrule.sampling.batches import BATCH_SIZE, choose_components, decode_batches
from chainrule.sampling.context import as_context, move_context, refuse_context, select_context, with_context
from chainrule.sampling.decode import ResampleHook, decode
from chainrule.sampling.draws import ChooseValues, InverseCDFDraw
from chainrule.sampling.image_sampler import ImageNetwork, ImageSampler
from chainrule.sampling.mlp_cache import activation_plan
from chainrule.sampling.mlp_sampler import MLPPlan, MLPSampler
from chainrule.sampling.sampler import RecomputingSampler, Sampler, belongs_with, evaluating
from chainrule.sampling.schedules import Schedule, sequential_schedule
from chainrule.sampling.wavefront import slope, wavefront

__all__ = [
    "BATCH_SIZE",
    "ChooseValues",
    "ImageNetwork",
    "ImageSampler",
    "InverseCDFDraw",
    "MLPPlan",
    "MLPSampler",
    "RecomputingSampler",
    "ResampleHook",
    "Sampler",
    "Schedule",
    "activation_plan",
    "as_context",
    "belongs_with",
    "choose_components",
    "decode",
    "decode_batches",
    "evaluating",
    "move_context",
    "refuse_context",
    "select_context",
    "sequential_schedule",
    "slope",
    "wavefront",
    "with_context",
]
