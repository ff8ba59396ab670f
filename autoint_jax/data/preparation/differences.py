"""The differences between two JSON values in words."""

import json
from collections.abc import Iterator
from typing import Any

from autoint_jax.terminal import shown


def differences(old: Any, new: Any, where: str = '', *, only_recorded: bool = False) -> Iterator[str]:
    """Yields the differences between two JSON values, a sentence each: the key, its old and its new value.

    Args:
      old: recorded value.
      new: value now.
      where: key of both.
      only_recorded: leave out keys that only `new` has.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            inner = f'{where}.{key}' if where else str(key)
            if key not in new:
                yield f'{inner} was {_value(old[key])} and is gone'
            elif key in old:
                yield from differences(old[key], new[key], inner, only_recorded=only_recorded)
            elif not only_recorded:
                yield f'{inner} is new, {_value(new[key])}'
    elif _named(old) and _named(new):
        then, now = ({item['name']: item for item in items} for items in (old, new))
        yield from (f'{where}.{name} is new' for name in now if name not in then)
        yield from (f'{where}.{name} is gone' for name in then if name not in now)
        both = [name for name in then if name in now]
        for name in both:
            yield from differences(then[name], now[name], f'{where}.{name}', only_recorded=only_recorded)
        if both != [name for name in now if name in then]:
            yield f'{where} are in another order'
    elif old != new:
        yield f'{where or "it"} was {_value(old)} and is {_value(new)}'


def _named(items: Any) -> bool:
    """Whether a value is a list of objects with different names."""
    if not isinstance(items, list) or not all(
        isinstance(item, dict) and isinstance(item.get('name'), str) for item in items
    ):
        return False
    return bool(items) and len({item['name'] for item in items}) == len(items)


def _value(value: Any) -> str:
    """A JSON value in words, cut to 60 characters."""
    text = shown(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 60 else f'{text[:60]}...'
