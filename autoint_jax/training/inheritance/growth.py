"""Checks that the fields of a run are those of the run that it goes on from, perhaps with new values."""

import pathlib
from typing import Any

import jax
import numpy as np

from autoint_jax import stored
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.writing import PLAN_FILE
from autoint_jax.errors import UsageError
from autoint_jax.schema import NUMERIC, FieldSpec
from autoint_jax.terminal import shown
from autoint_jax.training.inheritance.first_state import fields_of
from autoint_jax.training.step.state import Setup, state_shapes
from autoint_jax.units import counted

EXTEND = 'prepare the data with --extend_from=DATA_OF_THAT_RUN'
FITTED = 'fitted'  # the key of a field's fitted parameters beside its plan
# The keys of a field's plan that decide the meaning of its ids and numbers.
MEANING = ('kind', 'transform', 'buckets', 'missing')


def check_grown(folder: pathlib.Path, old: PreparedData, new: PreparedData) -> None:
    """Raises UsageError if data does not give the values of a run the same ids and numbers, or has other fields.

    Args:
      folder: the folder of the run, for the sentence.
      old: its data, or what its folder keeps of it.
      new: the data of the run that goes on.
    """
    if old.hash == new.hash:
        return
    problem = _other_fields(old, new) or _other_plan(old, new) or _other_values(old, new)
    if problem:
        raise UsageError(f'{new.folder} does not extend the data of {folder}: {problem}: {EXTEND}')


def _other_fields(old: PreparedData, new: PreparedData) -> str:
    """Returns the first difference of two schemas that is not growth, or ''."""
    before, after = ({field.name: field for field in data.schema.fields} for data in (old, new))
    for name in before:
        if name not in after:
            return f'field {shown(name)!r} is gone'
    for name in after:
        if name not in before:
            return f'field {shown(name)!r} is new'
    if list(before) != list(after):
        return 'the fields are in another order'
    return next(filter(None, (_other_field(field, after[name]) for name, field in before.items())), '')


def _other_field(old: FieldSpec, new: FieldSpec) -> str:
    """Returns the first difference of a field that is not growth, or ''."""
    for attribute in ('kind', 'max_values', 'transform', 'transform_parameters', 'embedding_dim'):
        there, here = getattr(old, attribute), getattr(new, attribute)
        if there != here:
            return f'field {shown(old.name)!r} had {attribute} {there} and has {here}'
    if new.cardinality < old.cardinality:
        return f'field {shown(old.name)!r} had {counted(old.cardinality, "id")} and has {new.cardinality:,}'
    return ''


def _other_plan(old: PreparedData, new: PreparedData) -> str:
    """Returns the first field whose ids and numbers are made in another way, in words, or ''.

    Data of earlier versions may have no plan, and data without one is taken to be made in the same way.
    """
    before, after = _plan(old), _plan(new)
    for name in [name for name in before if name in after]:
        for key in MEANING:
            there, here = before[name].get(key), after[name].get(key)
            if there != here:
                return f'field {shown(name)!r} had {key} {there} and has {here}'
        if before[name][FITTED] != after[name][FITTED]:
            return f'the transform of field {shown(name)!r} was fitted to other rows'
    return ''


def _plan(data: PreparedData) -> dict[str, dict[str, Any]]:
    """Returns {field: its plan and parameters}; {} if there is no plan."""
    path = data.folder / PLAN_FILE
    if not path.is_file():
        return {}
    found = stored.parsed_json(data.text_of(PLAN_FILE), str(path), mend=data.mend)
    with stored.of_form(path, mend=data.mend):
        fitted = found['parameters']
        return {field['name']: field | {FITTED: fitted.get(field['name'], [])} for field in found['plan']['fields']}


def _other_values(old: PreparedData, new: PreparedData) -> str:
    """Returns the first value that has another id, in words, or ''."""
    before, after = old.vocabularies(), new.vocabularies()
    sizes = {field.name: field.cardinality for field in new.schema.fields}
    for field in old.schema.fields:
        if field.name not in before or field.name not in after:
            if field.kind != NUMERIC and field.cardinality != sizes[field.name]:
                return (
                    f'field {shown(field.name)!r} had {counted(field.cardinality, "id")} and has {sizes[field.name]:,}'
                )
            continue
        there, here = before[field.name].values, after[field.name].values
        if here[: len(there)] != there:
            at = next(place for place, value in enumerate(there) if here[place : place + 1] != (value,))
            return f'value {shown(there[at])[:40]!r} of field {shown(field.name)!r} had id {at + 1:,} and has another'
    return ''


def check_tables(folder: pathlib.Path, old: Setup, new: Setup) -> None:
    """Raises UsageError if the models of two runs do not have the same tables of the same fields, or other shapes.

    Args:
      folder: the folder of the old run, for the sentence.
      old: the setup of the old run.
      new: the setup of the run that goes on from it.
    """
    place = {name: table for table, spec in new.table_specs.items() for name in fields_of(new.schema, spec)}
    for table, spec in old.table_specs.items():
        own = new.table_specs.get(table)
        moved = next(
            (name for name in fields_of(old.schema, spec) if own is None or name not in fields_of(new.schema, own)),
            None,
        )
        if moved is not None:
            raise UsageError(
                f'field {shown(moved)!r} is in the table {table} of {folder} and in {place.get(moved)} here, because '
                'the width of its embedding follows its number of values (model.width_scale): give the field an '
                'embedding_dim of its own, and train that run again'
            )
    before, after = (_shapes(setup) for setup in (old, new))
    differing = [name for name in before | after if before.get(name) != after.get(name)]
    if differing:
        raise UsageError(
            f'parameter {differing[0]} is {before.get(differing[0])} in {folder} and {after.get(differing[0])} here, '
            'so this model cannot go on with more values: begin without --init_from'
        )


def _shapes(setup: Setup) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the parameters and statistics of a run, by name."""
    state = state_shapes(setup)
    leaves = jax.tree_util.tree_flatten_with_path((state.params, state.statistics))[0]
    return {jax.tree_util.keystr(path): tuple(np.shape(leaf)) for path, leaf in leaves}
