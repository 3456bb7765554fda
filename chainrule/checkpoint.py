"""Models on disk: a folder with `config.json` and `model.safetensors`. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as as_bytes
from torch import Tensor, nn

from chainrule.domains import Domain, domain_from_dict
from chainrule.domains.orders import Order, raster
from chainrule.errors import ChainruleError
from chainrule.files import new_directory, replacing, unwritable
from chainrule.models.base import Density

FORMAT = 1
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save(model: Density, path: str | Path) -> None:
    """Writes the model into a new folder: what `load` needs to make the same one, bit for bit.

    Raises:
        ChainruleError: the folder is in use or cannot be written, or a constructor argument is none that JSON can hold.
    """
    with new_directory(Path(path)) as folder:
        write_json(folder / CONFIG, {"format": FORMAT, "model": describe(model)})
        write_weights(model, folder / WEIGHTS)


def load(path: str | Path) -> Density:
    """The model in that folder (a training run, or what `save` wrote), in evaluation mode, on the CPU.

    A model class of your own must have been imported.

    Raises:
        ChainruleError: no such folder, a damaged or edited one, a newer format, or a class that is not known.
    """
    folder = Path(path)
    description = read_config(folder).get("model")
    tensors, shared = read_weights(folder, description)
    model = _construct(description, folder / CONFIG)
    _fill(model, tensors, folder / WEIGHTS)
    _share(model, shared)
    return model.eval()


def read_weights(folder: Path, description: Any) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights in that folder, once they are known to belong to the model that is described.

    Returns:
        each tensor by its name; and which names stand for the tensor of another name, as where members share weights.

    Raises:
        ChainruleError: a missing or damaged file, or weights of another model.
    """
    path = folder / WEIGHTS
    if not path.exists():
        raise ChainruleError(
            f"{path} is missing; training writes it after its first epoch: go on with it, or restore it"
        )
    tensors, metadata = read_tensors(path)
    if metadata.get("model") != digest(description):
        raise ChainruleError(
            f"{folder / CONFIG} and {WEIGHTS} do not belong together (one was edited or replaced); restore both"
        )
    try:
        shared = dict(json.loads(metadata.get("shared", "{}")))
        return tensors | {name: tensors[first] for name, first in shared.items()}, shared
    except (KeyError, TypeError, ValueError) as error:
        raise ChainruleError(f"{path} is damaged ({error}); restore it from a copy") from None


def read_config(folder: Path) -> dict[str, Any]:
    """The contents of `config.json`.

    Raises:
        ChainruleError: no such folder or file, not JSON, or a newer format.
    """
    path = folder / CONFIG
    if not _is_file(path):
        raise ChainruleError(f"{folder} is not a model or run folder: it has no {CONFIG}; give the folder of a run")
    config = read_json(path)
    if type(config.get("format")) is not int or config["format"] < 1:
        raise ChainruleError(f"{path} is damaged: it names no format; restore it from a copy")
    if config["format"] > FORMAT:
        raise ChainruleError(
            f"{path} has format {config['format']}, newer than {FORMAT}, the newest known here; update chainrule"
        )
    return config


def describe(model: Density) -> dict[str, Any]:
    """The class of the model and the arguments it was made with, as plain JSON values."""
    name = type(model).__name__
    known = Density.classes.get(name)
    if known is None or known.__module__ != type(model).__module__:  # a notebook's cell may define one again
        raise ChainruleError(f"another class is known by the name {name}, so this one cannot be saved; rename it")
    try:
        arguments = model.arguments
    except (AttributeError, RecursionError) as error:
        raise ChainruleError(
            f"{name} cannot be saved: its constructor must name each argument and keep it as an attribute ({error})"
        ) from None
    description = {"class": name, **{word: _plain(value, model.domain) for word, value in arguments.items()}}
    try:
        json.dumps(description)
    except (TypeError, ValueError) as error:
        raise ChainruleError(
            f"{name} cannot be saved: an argument of its constructor is not plain ({error}); take numbers and words"
        ) from None
    return description


def write_weights(model: Density, path: Path) -> None:
    """Writes the weights, marked with the model that they belong to, in place of what is at `path`.

    A weight that several members of an ensemble share is written once.
    """
    tensors = model.state_dict(keep_vars=True)
    firsts = {id(tensor): name for name, tensor in reversed(tensors.items())}
    shared = {name: firsts[id(tensor)] for name, tensor in tensors.items() if firsts[id(tensor)] != name}
    about = {"model": digest(describe(model)), **({"shared": json.dumps(shared)} if shared else {})}
    write_tensors(path, {name: tensor for name, tensor in tensors.items() if name not in shared}, about)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """A safetensors file with a checksum of its contents, written whole or not at all.

    Raises:
        ChainruleError: it cannot be written.
    """
    # Cloned: two names may share one tensor, which the file format does not allow.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with replacing(path) as part:
        try:
            # In one entry: the file format keeps several in no order, and equal files should be equal byte by byte.
            about = json.dumps({**metadata, "sha256": _checksum(tensors)}, sort_keys=True)
            # Not by its `save_file`: that has a temporary file of its own, which a kill would leave behind.
            part.write_bytes(as_bytes(tensors, {"chainrule": about}))
        except SafetensorError as error:  # such as a full disk
            raise unwritable(path, error) from None


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a file that `write_tensors` wrote.

    Raises:
        ChainruleError: a missing, truncated or altered file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(json.loads((file.metadata() or {}).get("chainrule", "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except FileNotFoundError:
        raise ChainruleError(f"{path} is missing; restore it from a copy") from None
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise ChainruleError(f"{path} is damaged ({error}); restore it from a copy") from None
    if metadata.get("sha256") != _checksum(tensors):
        raise ChainruleError(f"{path} is damaged: its checksum does not match its contents; restore it from a copy")
    return tensors, metadata


def write_json(path: Path, contents: Mapping[str, Any]) -> None:
    with replacing(path) as part:
        part.write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    try:
        contents = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise ChainruleError(f"{path} is damaged ({error}); restore it from a copy") from None
    if not isinstance(contents, dict):
        raise ChainruleError(f"{path} is damaged: it does not hold a JSON object; restore it from a copy")
    return contents


def _construct(description: Any, path: Path) -> Density:
    if not isinstance(description, dict):
        raise ChainruleError(f"{path} is damaged: it describes no model; restore it from a copy")
    arguments = {word: _members(value, path) for word, value in description.items()}
    name = str(arguments.pop("class", None))
    kind = Density.classes.get(name)
    if kind is None or inspect.isabstract(kind):
        raise ChainruleError(
            f"{path} is of class {name}, which is not known here; import the module that defines it first"
        )
    try:
        if "domain" in arguments:
            arguments["domain"] = domain_from_dict(arguments["domain"])
        return kind(**arguments)
    except Exception as error:  # what a constructor makes of arguments that it was not written for
        reason = " ".join(str(error).split())
        raise ChainruleError(f"{path} does not describe a {name} ({reason}); restore it from a copy") from None


def _members(value: Any, path: Path) -> Any:
    """An argument of a constructor; where it describes models, these."""
    if isinstance(value, list) and value and all(isinstance(each, dict) and "class" in each for each in value):
        return [_construct(each, path) for each in value]
    return value


def _share(model: Density, shared: Mapping[str, str]) -> None:
    """Makes the parameters of these names those of other names."""
    for name, first in shared.items():
        owner, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner), leaf, model.get_parameter(first))


def _fill(model: Density, tensors: dict[str, Tensor], path: Path) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != found:
        name = min(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        raise ChainruleError(
            f"{path} does not fit the model: {name} has shape {found.get(name)}, not {wanted.get(name)}"
        )
    for name, mine in [*model.named_parameters(), *model.named_buffers()]:
        if name in tensors:
            mine.data = mine.data.to(tensors[name].dtype)  # a model in float64, say, comes back as one
    model.load_state_dict(tensors)


def _plain(value: Any, domain: Domain) -> Any:
    if isinstance(value, Domain):
        return value.to_dict()
    if isinstance(value, Density):
        return describe(value)
    if isinstance(value, Order):
        return None if value == raster(domain) else list(value.permutation)  # raster order is what None stands for
    if isinstance(value, np.generic):
        return value.item()
    return [_plain(each, domain) for each in value] if isinstance(value, tuple | list | nn.ModuleList) else value


def digest(description: Any) -> str:
    """sha256, in hexadecimal, of plain JSON values."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than any file's
        return False


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
