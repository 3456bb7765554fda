"""Saving and loading models: a folder with `config.json` and `model.safetensors`. Nothing is ever unpickled."""

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

from chainrule.domains import Domain, Order, domain_from_dict, raster
from chainrule.errors import ChainruleError
from chainrule.files import atomic_write, new_directory, write_error
from chainrule.models import Density, as_density

FORMAT = 1
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save(model: Density, path: str | Path) -> None:
    """Write the model into a new folder, from which `load` makes the same model, bit for bit.

    Args:
        model: the model itself, not wrapped by `torch.compile` or `DataParallel`.
        path: a folder that is new or empty.

    Raises:
        ChainruleError: a wrapped model, a constructor argument that JSON cannot hold, or a folder that is in use or
            cannot be written.

    Example:
        >>> import tempfile
        >>> from chainrule.domains import Binary
        >>> from chainrule.models.made import MADE
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(MADE(Binary((4,)), hidden=(8,)), f"{folder}/model")
        ...     load(f"{folder}/model").hidden
        (8,)
    """
    check_unwrapped(model, "save")
    with new_directory(Path(path)) as folder:
        write_json(folder / CONFIG, {"format": FORMAT, "model": describe(model)})
        write_weights(model, folder / WEIGHTS)


def load(path: str | Path) -> Density:
    """Return the model in a folder, in evaluation mode, on the CPU.

    A model of a class of your own is found once the module of the class has been imported.

    Args:
        path: the folder of a training run, or one that `save` wrote.

    Raises:
        ChainruleError: no model in the folder, a damaged or edited one, a newer format, or a class that is not
            imported.
    """
    folder = Path(path)
    description = read_config(folder).get("model")
    tensors, shared = read_weights(folder, description)
    model = _construct(description, folder / CONFIG)
    _load_weights(model, tensors, folder / WEIGHTS)
    _tie_parameters(model, shared)
    return model.eval()


def check_unwrapped(model: nn.Module, function: str) -> None:
    """Check that `function` was given a model itself, not a wrapper around one.

    Raises:
        ChainruleError: a wrapper, or no model.
    """
    density = as_density(model)
    if density is model:
        return
    name, wrapper = type(density).__name__, type(model).__name__
    raise ChainruleError(
        f"{function} takes the {name} itself, not the {wrapper} around it; give the {name}, and use torchrun to train "
        "in several processes"
    )


def read_weights(folder: Path, description: Any) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the weights in a folder, after a check that they belong to the model that is described.

    Returns:
        the tensors by name; and the names of parameters that are tied to others, with the names of these, as where the
        members of an ensemble share weights.

    Raises:
        ChainruleError: a missing or damaged file, or weights of another model.
    """
    path = folder / WEIGHTS
    if not path.exists():
        raise ChainruleError(
            f"{path} is missing; training writes it after its first epoch: resume the training, or restore the file"
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
    """Return the contents of `config.json`.

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
    """Return the class of the model and the arguments of its constructor, as JSON values.

    Raises:
        ChainruleError: another class has the same name, or an argument is not kept as an attribute or is no JSON value.
    """
    name = type(model).__name__
    known = Density.classes.get(name)
    if (
        known is None or known.__module__ != type(model).__module__
    ):  # a notebook cell that runs again defines a new class
        raise ChainruleError(f"another class has the name {name}, so this one cannot be saved; rename it")
    try:
        arguments = model.arguments
    except ChainruleError as error:
        raise ChainruleError(f"{name} cannot be saved: {error}") from None
    description = {"class": name, **{argument: _to_json(value, model.domain) for argument, value in arguments.items()}}
    try:
        json.dumps(description)
    except (TypeError, ValueError) as error:
        raise ChainruleError(
            f"{name} cannot be saved: an argument of its constructor is no JSON value ({error}); take numbers and text"
        ) from None
    return description


def write_weights(model: Density, path: Path) -> None:
    """Write the weights and a digest of the model that they belong to; the file replaces an older one.

    A weight that several members of an ensemble share is written once.
    """
    tensors = model.state_dict(keep_vars=True)
    firsts = {id(tensor): name for name, tensor in reversed(tensors.items())}
    shared = {name: firsts[id(tensor)] for name, tensor in tensors.items() if firsts[id(tensor)] != name}
    metadata = {"model": digest(describe(model)), **({"shared": json.dumps(shared)} if shared else {})}
    write_tensors(path, {name: tensor for name, tensor in tensors.items() if name not in shared}, metadata)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file with a checksum of its contents, in one atomic step.

    Raises:
        ChainruleError: the file cannot be written.
    """
    # Cloned, because two names may share one tensor, which the file format does not allow.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with atomic_write(path) as part:
        try:
            # In one entry: several have no fixed order in the file, and equal contents should make equal bytes.
            entry = json.dumps({**metadata, "sha256": _checksum(tensors)}, sort_keys=True)
            # Not by `save_file` of safetensors: its own temporary file would stay behind after a kill.
            part.write_bytes(as_bytes(tensors, {"chainrule": entry}))
        except SafetensorError as error:  # such as a full disk
            raise write_error(path, error) from None


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a file that `write_tensors` wrote.

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
    """Write a JSON object, in one atomic step.

    Raises:
        ChainruleError: the file cannot be written.
    """
    with atomic_write(path) as part:
        part.write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        ChainruleError: a missing file, or one that holds no JSON object.
    """
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
    arguments = {argument: _construct_members(value, path) for argument, value in description.items()}
    name = str(arguments.pop("class", None))
    model_class = Density.classes.get(name)
    if model_class is None or inspect.isabstract(model_class):
        raise ChainruleError(
            f"{path} is of class {name}, which is not known here; import the module that defines it before cr.load, or "
            "name the module to the command with --import"
        )
    try:
        if "domain" in arguments:
            arguments["domain"] = domain_from_dict(arguments["domain"])
        return model_class(**arguments)
    except Exception as error:  # a constructor may raise anything for arguments that it was not written for
        reason = " ".join(str(error).split())
        raise ChainruleError(f"{path} does not describe a {name} ({reason}); restore it from a copy") from None


def _construct_members(value: Any, path: Path) -> Any:
    """Return an argument of a constructor: the models that it describes, or the value itself."""
    if isinstance(value, list) and value and all(isinstance(each, dict) and "class" in each for each in value):
        return [_construct(each, path) for each in value]
    return value


def _tie_parameters(model: Density, shared: Mapping[str, str]) -> None:
    """Replace the parameters of some names by the parameters of other names."""
    for name, first in shared.items():
        owner, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner), leaf, model.get_parameter(first))


def _load_weights(model: Density, tensors: dict[str, Tensor], path: Path) -> None:
    """Load the tensors into the model; raise ChainruleError where their names or shapes differ."""
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != found:
        name = min(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        raise ChainruleError(
            f"{path} does not fit the model: {name} has shape {found.get(name)}, not {wanted.get(name)}"
        )
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if name in tensors:
            tensor.data = tensor.data.to(tensors[name].dtype)  # a model in float64 comes back in float64
    model.load_state_dict(tensors)


def _to_json(value: Any, domain: Domain) -> Any:
    """Return an argument of a constructor as JSON values, as far as it can be."""
    if isinstance(value, Domain):
        return value.to_dict()
    if isinstance(value, Density):
        return describe(value)
    if isinstance(value, Order):
        return None if value == raster(domain) else list(value.permutation)  # None stands for raster order
    if isinstance(value, np.generic):
        return value.item()
    return [_to_json(each, domain) for each in value] if isinstance(value, tuple | list | nn.ModuleList) else value


def digest(description: Any) -> str:
    """Return the SHA-256 of JSON values, in hexadecimal."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long
        return False


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
