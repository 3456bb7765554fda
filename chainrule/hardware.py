"""The machine: devices, fast number formats, and the allocator of the C library."""

from __future__ import annotations

import ctypes
import sys

import torch

from chainrule.errors import ChainruleError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
LARGEST_MMAP_THRESHOLD = 32 << 20
NEVER_TRIM = (1 << 31) - 1


def as_device(name: str) -> torch.device:
    """Return the torch device of that name; `auto` is CUDA where it is available, then MPS, then the CPU.

    Raises:
        ChainruleError: this machine, or this build of torch, does not have the device.

    Example:
        >>> as_device("cpu")
        device(type='cpu')
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
    """Tell whether the device has instructions for bfloat16, so that bfloat16 is faster than float32.

    On the CPU the instructions are AVX512-BF16, on CUDA those of compute capability 8. Other devices: False.
    """
    if device.type == "cpu":
        native = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # private: a release may come without it
        return native is not None and bool(native())
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def keep_freed_memory() -> bool:
    """Let glibc keep large freed blocks, so that it need not ask the system for them again.

    An activation map is a large block: without this, page faults take up to half of the time of training on the CPU.

    Returns:
        whether the C library accepted the setting; False on other systems, which do not need it.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD) and mallopt(M_TRIM_THRESHOLD, NEVER_TRIM))


def sum_dtype(x: torch.Tensor) -> torch.dtype:
    """Return the dtype for sums over sites: float64, or float32 on a device that has no float64.

    Example:
        >>> sum_dtype(torch.zeros(1))
        torch.float64
    """
    return torch.float32 if x.device.type == "mps" else torch.float64
