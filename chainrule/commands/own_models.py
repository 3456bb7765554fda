"""The model that a command line names: one of the library, or a class of the user's own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeGuard

from chainrule.commands.options.nearest import nearest
from chainrule.commands.own_modules import find_attribute, import_own
from chainrule.domains import Domain
from chainrule.errors import ChainruleError, locate_error
from chainrule.models import BY_NAME, AutoregressiveModel, Density, NamedModel


def find_model(name: str, module: str | None = None) -> NamedModel:
    """Return the model of that name.

    Args:
        name: a name of the library, MODULE:CLASS, or the name of a class that `module` defines.
        module: a module to import first.

    Raises:
        ChainruleError: the module cannot be imported, or there is no such model.
    """
    if module is not None:
        import_own(module)
    if ":" in name:
        return NamedModel(name, check_class(name, find_attribute(name, "a class of it, as in my_module:MyModel")))
    models = BY_NAME | own_models()
    if name in models:
        return models[name]
    if found := nearest(name, models):
        raise ChainruleError(f"there is no model {name!r}; did you mean {found!r}?")
    raise ChainruleError(
        f"there is no model {name!r}; there are {', '.join(models)}; a class of your own is named MODULE:CLASS"
    )


def make_model(model: NamedModel, domain: Domain, arguments: Mapping[str, Any]) -> AutoregressiveModel:
    """Make a model; of a user's class any error becomes a ChainruleError.

    Raises:
        ChainruleError: arguments that the constructor does not take.
    """
    try:
        return model(domain, **arguments)
    except ChainruleError:
        raise
    except Exception as error:
        if is_of_library(model.model_class):
            raise
        reason = f"{type(error).__name__}: {error}{locate_error(error)}"
        raise ChainruleError(f"{model.name} does not take these options ({reason})") from error


def is_of_library(model_class: type) -> bool:
    """Return whether a class belongs to this library."""
    return model_class.__module__.startswith("chainrule.")


def own_models() -> dict[str, NamedModel]:
    """Return the models that the user's modules have defined, by the names of their classes."""
    return {
        name: NamedModel(name, each)
        for name, each in Density.classes.items()
        if is_model(each) and not is_of_library(each)
    }


def is_model(thing: Any) -> TypeGuard[type[AutoregressiveModel]]:
    """Return whether something is a class of which models can be made."""
    return isinstance(thing, type) and issubclass(thing, AutoregressiveModel) and not inspect.isabstract(thing)


def check_class(name: str, thing: Any) -> type[AutoregressiveModel]:
    """Return the class.

    Raises:
        ChainruleError: it is no class of which models can be made.
    """
    if is_model(thing):
        return thing
    if isinstance(thing, type) and issubclass(thing, AutoregressiveModel):
        raise ChainruleError(f"{name} has no method conditionals, which every model needs; write one")
    raise ChainruleError(f"{name} is not a class of models; derive it from chainrule.AutoregressiveModel")
