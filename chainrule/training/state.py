"""A run's folder: `config.json`, `model.safetensors` (the kept weights), `metrics.csv`, and the state to resume from.

The state lives in `training/`: a folder each time it is saved, and `training/current`, which names the one that counts.
The new one is complete on disk before it is named, so a crash at any moment leaves a whole state.
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
from chainrule.files import new_directory, refuse_existing, remove_parts, replacing
from chainrule.models.base import AutoregressiveModel
from chainrule.training.history import History

METRICS, SEEN = "metrics.csv", "seen.safetensors"
PROGRESS, TENSORS = "progress.json", "tensors.safetensors"


@dataclass(frozen=True)
class RunFolder:
    """Reads and writes one run's folder."""

    path: Path

    @property
    def _current(self) -> Path:
        return self.path / "training" / "current"

    def open(self, config: dict[str, Any], resume: bool) -> bool:
        """Makes the folder, or finds one to resume; says which (True: there is a state to go on from).

        Raises:
            ChainruleError: the folder exists and `resume` was not asked for, or it was made with another configuration.
        """
        if not resume or not self._begun():
            refuse_existing(self.path)
            write_json(self.path / CONFIG, config)
            return False
        _check_same(read_config(self.path), config, self.path)
        return self._has_state()

    def setting(self, name: str) -> Any:
        """What the run that is there was trained with; None where there is none."""
        training = read_config(self.path).get("training") if self._begun() else None
        return training.get(name) if isinstance(training, dict) else None

    def _begun(self) -> bool:
        """Is there a run? What a killed process left half written goes."""
        try:
            for folder in (self.path, self._current.parent):
                remove_parts(folder)
            return (self.path / CONFIG).exists()
        except (OSError, ValueError):  # no name for a folder
            return False

    def _has_state(self) -> bool:
        """Is there a state? A run that was killed before its first one has written nothing else either.

        Raises:
            ChainruleError: the state is gone.
        """
        if self._current.is_file():
            return True
        if any((self.path / name).exists() for name in (WEIGHTS, METRICS)):
            raise ChainruleError(f"{self._current} is missing; restore it from a copy, or start a new run")
        return False

    def save(self, progress: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Writes the state and makes it the current one."""
        number = self._number() + 1
        with new_directory(self._current.parent / f"state-{number:06d}") as folder:
            write_json(folder / PROGRESS, progress)
            write_tensors(folder / TENSORS, tensors, {"progress": digest(progress)})
        with replacing(self._current) as part:
            part.write_text(f"state-{number:06d}\n", encoding="utf-8")
        for old in self._current.parent.glob("state-*"):
            if old.name != f"state-{number:06d}":
                shutil.rmtree(old, ignore_errors=True)

    def read(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """The current state.

        Raises:
            ChainruleError: it is damaged.
        """
        try:
            folder = self._current.parent / self._current.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise ChainruleError(f"{self._current} is damaged ({error}); restore it from a copy") from None
        progress, (tensors, metadata) = read_json(folder / PROGRESS), read_tensors(folder / TENSORS)
        if metadata.get("progress") != digest(progress):
            raise ChainruleError(
                f"{folder / PROGRESS} and {TENSORS} do not belong together (one was edited or replaced); restore both"
            )
        return progress, tensors

    def keep(self, model: AutoregressiveModel) -> None:
        """Makes these the run's weights."""
        write_weights(model, self.path / WEIGHTS)

    def remember(self, fingerprints: Mapping[str, Tensor]) -> None:
        """Writes down which data training looks at, so that evaluation can tell."""
        write_tensors(self.path / SEEN, fingerprints, {})

    def kept(self) -> dict[str, Tensor]:
        """The run's weights.

        Raises:
            ChainruleError: they are missing, damaged, or another model's.
        """
        return read_weights(self.path, read_config(self.path).get("model"))[0]

    def write_metrics(self, history: History) -> None:
        history.write_csv(self.path / METRICS)

    def _number(self) -> int:
        numbers = (state.name.removeprefix("state-") for state in self._current.parent.glob("state-*"))
        return max((int(number) for number in numbers if number.isdecimal()), default=0)


def _check_same(recorded: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    """Raises ChainruleError where a run was made with another model, data or settings than those asked for."""
    sections = ("model", "data", "training")
    before, now = (dict(_flat({name: config.get(name) for name in sections}, "")) for config in (recorded, wanted))
    for name in {**now, **before}:
        if before.get(name) != now.get(name) and name != "training.device":  # another device is only warned of
            raise ChainruleError(
                f"{path} was trained with {name} = {_short(before.get(name))}, and this is "
                f"{_short(now.get(name))}; resume with the same, or start a new run"
            )


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The values within nested JSON objects, with their dotted names."""
    if not isinstance(value, dict):
        yield name, value
        return
    for word, each in value.items():
        yield from _flat(each, f"{name}.{word}" if name else word)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
