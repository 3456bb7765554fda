"""A run's folder: `config.json`, `model.safetensors` (the best weights), `metrics.csv`, and the state to resume from.

Each save writes the state into a new folder in `training/`, and then its name into `training/current`; so a crash at
any moment leaves a complete state.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from chainrule.checkpoint import (
    CONFIG,
    WEIGHTS,
    digest,
    read_config,
    read_json,
    read_tensors,
    read_weights,
    write_json,
    write_tensors,
    write_weights,
)
from chainrule.errors import ChainruleError
from chainrule.files import atomic_write, new_directory, refuse_existing, remove_partial_writes
from chainrule.models import AutoregressiveModel
from chainrule.training.history import History

METRICS = "metrics.csv"
FINGERPRINTS = "seen.safetensors"
"""The file with the fingerprints of the training and the validation data."""
COUNTERS, TENSORS = "progress.json", "tensors.safetensors"
"""The files of a state: counters and history, and tensors."""


@dataclass(frozen=True)
class RunFolder:
    """Reads and writes the files of one run."""

    path: Path

    @property
    def _current(self) -> Path:
        return self.path / "training" / "current"

    def open(self, config: dict[str, Any], resume: bool) -> bool:
        """Make the folder, or find a run to resume in it.

        Args:
            config: what `config.json` holds; a run is resumed only with the same model, data and settings.

        Returns:
            whether there is a state to resume from.

        Raises:
            ChainruleError: the folder exists and `resume` is False, it was made with another configuration, or its
                state is missing.
        """
        if not resume or not self._exists():
            refuse_existing(self.path)
            write_json(self.path / CONFIG, config)
            return False
        _check_same(read_config(self.path), config, self.path)
        return self._has_state()

    def recorded_setting(self, name: str) -> Any:
        """Return a training setting of the run in the folder; None without a run, or without that setting."""
        training = read_config(self.path).get("training") if self._exists() else None
        return training.get(name) if isinstance(training, dict) else None

    def _exists(self) -> bool:
        """Remove what a killed process left half written, and tell whether there is a run in the folder."""
        try:
            for folder in (self.path, self._current.parent):
                remove_partial_writes(folder)
            return (self.path / CONFIG).exists()
        except (OSError, ValueError):  # the path is no possible name
            return False

    def _has_state(self) -> bool:
        """Tell whether there is a state. A run that was killed before its first save has no other files either.

        Raises:
            ChainruleError: the state is missing, and other files of the run are there.
        """
        if self._current.is_file():
            return True
        if any((self.path / name).exists() for name in (WEIGHTS, METRICS)):
            raise ChainruleError(f"{self._current} is missing; restore it from a copy, or start a new run")
        return False

    def write_state(self, counters: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Write a state and make it the current one."""
        number = self._last_number() + 1
        with new_directory(self._current.parent / f"state-{number:06d}") as folder:
            write_json(folder / COUNTERS, counters)
            write_tensors(folder / TENSORS, tensors, {"progress": digest(counters)})
        with atomic_write(self._current) as part:
            part.write_text(f"state-{number:06d}\n", encoding="utf-8")
        for old in self._current.parent.glob("state-*"):
            if old.name != f"state-{number:06d}":
                shutil.rmtree(old, ignore_errors=True)

    def read_state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the counters and the tensors of the current state.

        Raises:
            ChainruleError: the state is damaged.
        """
        try:
            folder = self._current.parent / self._current.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise ChainruleError(f"{self._current} is damaged ({error}); restore it from a copy") from None
        counters, (tensors, metadata) = read_json(folder / COUNTERS), read_tensors(folder / TENSORS)
        if metadata.get("progress") != digest(counters):
            raise ChainruleError(
                f"{folder / COUNTERS} and {TENSORS} do not belong together (one was edited or replaced); restore both"
            )
        return counters, tensors

    def write_weights(self, model: AutoregressiveModel) -> None:
        """Write the weights that `load` reads."""
        write_weights(model, self.path / WEIGHTS)

    def write_fingerprints(self, fingerprints: Mapping[str, Tensor]) -> None:
        """Write the fingerprints of the data, so that evaluation can warn of data that training has seen."""
        write_tensors(self.path / FINGERPRINTS, fingerprints, {})

    def read_weights(self) -> dict[str, Tensor]:
        """Return the weights that `write_weights` wrote.

        Raises:
            ChainruleError: the weights are missing, damaged, or of another model.
        """
        return read_weights(self.path, read_config(self.path).get("model"))[0]

    def write_metrics(self, history: History) -> None:
        """Write the metrics of all epochs."""
        history.write_csv(self.path / METRICS)

    def _last_number(self) -> int:
        numbers = (state.name.removeprefix("state-") for state in self._current.parent.glob("state-*"))
        return max((int(number) for number in numbers if number.isdecimal()), default=0)


def _check_same(recorded: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    """Raise ChainruleError where a run was made with another model, other data or other settings."""
    sections = ("model", "data", "training")
    before, now = (dict(_flatten({name: config.get(name) for name in sections}, "")) for config in (recorded, wanted))
    for name in {**now, **before}:
        if before.get(name) != now.get(name) and name != "training.device":  # another device is only warned of
            raise ChainruleError(
                f"{path} was trained with {name} = {_shorten(before.get(name))}, and this is "
                f"{_shorten(now.get(name))}; resume with the same, or start a new run"
            )


def _flatten(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the values in nested JSON objects, with their dotted names."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, child in value.items():
        yield from _flatten(child, f"{name}.{key}" if name else key)


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
