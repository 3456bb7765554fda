"""A run's folder: `config.json`, `model.safetensors` (the kept weights), `metrics.csv`, and the state to resume from.

The state lives in `training/`: a folder each time it is saved, and `training/current`, which names the one that counts.
The new one is complete on disk before it is named, so a crash at any moment leaves a whole state.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from chainrule.checkpoint import (
    CONFIG,
    WEIGHTS,
    read_config,
    read_json,
    read_tensors,
    write_json,
    write_tensors,
    write_weights,
)
from chainrule.errors import ChainruleError
from chainrule.files import new_directory, refuse_existing, replacing
from chainrule.models.base import AutoregressiveModel
from chainrule.training.history import History


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
        if not resume:
            refuse_existing(self.path)
        if (self.path / CONFIG).exists():
            _check_same(read_config(self.path), config, self.path)
            return self._current.exists()
        if self.path.exists():
            refuse_existing(self.path)
        write_json(self.path / CONFIG, config)
        return False

    def save(self, progress: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Writes the state and makes it the current one."""
        number = self._number() + 1
        with new_directory(self._current.parent / f"state-{number:06d}") as folder:
            write_json(folder / "progress.json", progress)
            write_tensors(folder / "tensors.safetensors", tensors, {})
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
        folder = self._current.parent / self._current.read_text(encoding="utf-8").strip()
        return read_json(folder / "progress.json"), read_tensors(folder / "tensors.safetensors")[0]

    def keep(self, model: AutoregressiveModel) -> None:
        """Makes these the run's weights."""
        write_weights(model, self.path / WEIGHTS)

    def kept(self) -> dict[str, Tensor]:
        return read_tensors(self.path / WEIGHTS)[0]

    def write_metrics(self, history: History) -> None:
        history.write_csv(self.path / "metrics.csv")

    def _number(self) -> int:
        states = self._current.parent.glob("state-*")
        return max((int(state.name.removeprefix("state-")) for state in states), default=0)


def _check_same(recorded: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    """Raises ChainruleError where a run was made with another model, data or settings than those asked for."""
    for section in ("model", "data", "training"):
        before, now = recorded.get(section) or {}, wanted.get(section) or {}
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) != now.get(name):
                raise ChainruleError(
                    f"{path} was trained with {section}.{name} = {_short(before.get(name))}, and this is "
                    f"{_short(now.get(name))}; resume with the same, or start a new run"
                )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
