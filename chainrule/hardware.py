"""The machine: which device to use, and how its C library hands out memory."""

from __future__ import annotations

import ctypes
import sys

import torch

from chainrule.errors import ChainruleError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
LARGEST_MMAP_THRESHOLD = 32 << 20
NEVER_TRIM = (1 << 31) - 1


def as_device(name: str) -> torch.device:
    """The torch device of that name; `auto` takes CUDA, then MPS, then the CPU.

    Raises:
        ChainruleError: a device that this machine or this build of torch does not have.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    kind, colon, index = name.partition(":")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if not available.get(kind, False) or (colon and not (index.isdecimal() and int(index) < count)):
        there = ", ".join(kind for kind, there in available.items() if there)
        raise ChainruleError(f"device {name!r} is not available here; available: auto, {there}")
    return torch.device(name)


def has_bfloat16(device: torch.device) -> bool:
    """Does the device compute in bfloat16, so that it is faster there than float32?

    On the CPU that is AVX512-BF16, on CUDA compute capability 8; of others nothing is known.
    """
    if device.type == "cpu":
        native = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # private: a release may come without it
        return native is not None and bool(native())
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def keep_freed_memory() -> bool:
    """Lets glibc keep what it frees, where it would give every large block back to the system and fetch it anew.

    An activation map is such a block: training on the CPU spends up to half of its time on page faults otherwise.
    Returns whether the C library took it (other systems do not need it).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD) and mallopt(M_TRIM_THRESHOLD, NEVER_TRIM))
