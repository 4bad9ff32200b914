"""Says what in a dashboard Grafana's own types don't know, or know with another type. Nothing when all is well."""

import enum
import json
import sys
import types
import typing

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(source, kept, path):
    """What the types dropped, because they don't have it."""
    if isinstance(source, dict) and isinstance(kept, dict):
        for key, value in source.items():
            if key in kept:
                yield from lost(value, kept[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} is not in the schema"
    elif isinstance(source, list) and isinstance(kept, list) and len(source) == len(kept):
        for index, (left, right) in enumerate(zip(source, kept)):
            yield from lost(left, right, f"{path}[{index}]")
    elif source != kept:
        yield f"{path} is {source!r} and became {kept!r}"


def mistyped(value, path):
    """Members whose values are not of the type that the schema gives them."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from mistyped(item, f"{path}[{index}]")
    elif type(value).__module__.startswith("grafana_foundation_sdk.models"):
        hints = typing.get_type_hints(type(value))
        for name, member in vars(value).items():
            if not fits(member, hints[name]):
                yield f"{path}.{name} is {member!r} and not {hints[name]}"
            yield from mistyped(member, f"{path}.{name}")


def fits(value, hint):
    """Whether a value that was read from JSON is of this type. Enumerations are kept as their values."""
    origin = typing.get_origin(hint)
    if hint is typing.Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, option) for option in typing.get_args(hint))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is list:
        return isinstance(value, list) and all(fits(item, typing.get_args(hint)[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(item, typing.get_args(hint)[1]) for item in value.values())
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [option.value for option in hint]
    if hint in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if hint is float else hint)


def main():
    register_default_plugins()
    source = json.load(sys.stdin)
    dashboard = Dashboard.from_json(source)
    kept = json.loads(json.dumps(dashboard, cls=JSONEncoder))
    problems = [*lost(source, kept, "dashboard"), *mistyped(dashboard, "dashboard")]
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


main()
