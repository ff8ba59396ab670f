"""Prepared data that data of a later day extends: the ids of values stay, and new values get new ids after them."""

import os
from typing import Any

from autoint_jax import stored
from autoint_jax.data.encoding.fitted import Earlier, Fitted
from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.encoding.rare_counts import RECORD, RareCounts, is_counted
from autoint_jax.data.preparation.differences import differences
from autoint_jax.data.preparation.origin import plain
from autoint_jax.data.preparation.staleness import SHOWN
from autoint_jax.data.store.prepared import COUNTS, PreparedData
from autoint_jax.data.store.writing import PLAN_FILE
from autoint_jax.errors import UsageError
from autoint_jax.terminal import shown
from autoint_jax.units import counted


class Extension:
    """What data of a later day takes over from the prepared data that it extends.

    Attributes:
      data: the data that is extended.
    """

    def __init__(self, data: PreparedData):
        """Reads the plan and the vocabularies of `data`.

        Raises UsageError if they are damaged, or if the data was made without a plan.
        """
        self.data = data
        path = data.folder / PLAN_FILE
        if not path.is_file():
            raise UsageError(f'{path} does not exist, so {data.folder} cannot be extended: prepare it again')
        stored_plan = stored.parsed_json(data.text_of(PLAN_FILE), str(path), mend=data.mend)
        with stored.of_form(path, mend=data.mend):
            self._plan: dict[str, Any] = stored_plan['plan']
            parameters = {name: tuple(values) for name, values in stored_plan['parameters'].items()}
            self._fitted = Fitted(data.vocabularies(), parameters, stored_plan['max_values'])

    def earlier(self, plan: TablePlan) -> Earlier:
        """Returns what was fitted to the data that is extended, and its counts of rare values.

        Args:
          plan: of the new data.

        Raises:
          UsageError: the plan differs from that of the old data, a field cannot be extended, or the old data does not
            hold the counts of rare values.
        """
        if plan.crosses:
            raise UsageError(
                f'{self.data.folder} cannot be extended by data with crossed fields: leave out the crosses, or prepare '
                'the data without --extend_from'
            )
        found = list(differences(self._plan, plain(plan.to_json()), only_recorded=True))
        if found:
            more = f' and {len(found) - SHOWN} more' if len(found) > SHOWN else ''
            raise UsageError(
                f'{self.data.folder} cannot be extended by data with other fields ({"; ".join(found[:SHOWN])}{more}): '
                'declare the fields and the label as they were, or prepare the data without --extend_from'
            )
        for field in plan.fields:
            if field.streaming:
                raise UsageError(
                    f'{self.data.folder} cannot be extended: its recipe numbers the values of field {field.name!r} by '
                    'their place in one file, so prepare both by another recipe'
                )
        counted = [field.name for field in plan.fields if is_counted(field)]
        record = self.data.preparation.get(COUNTS)
        if counted and record is None:
            raise UsageError(
                f'{self.data.folder} was prepared by an earlier version, which did not keep the counts of rare values '
                f'(of field {counted[0]!r}, for example), so it cannot be extended: prepare it again with --overwrite'
            )
        if record is not None:
            stored.checked(record, RECORD, str(self.data.folder / 'manifest.json'), mend=self.data.mend)
        return Earlier(self._fitted, RareCounts(self.data.folder / COUNTS, record))

    def new_values(self, fitted: Fitted) -> dict[str, int]:
        """Returns {field: number of values that got an id}, of fields with a vocabulary."""
        return {
            name: len(vocabulary.values) - len(self._fitted.vocabularies[name].values)
            for name, vocabulary in fitted.vocabularies.items()
        }

    def sentence(self, fitted: Fitted) -> str:
        """Returns a sentence about the values that got an id."""
        grown = {name: count for name, count in self.new_values(fitted).items() if count}
        most = sorted(grown, key=lambda name: -grown[name])[:SHOWN]
        named = ', '.join(f'{shown(name)} {grown[name]:,}' for name in most) + (', ...' if len(grown) > SHOWN else '')
        return (
            f'the ids of {self.data.folder} stay; after them come those of {counted(sum(grown.values()), "new value")}'
            f'{f" ({named})" if grown else ""}'
        )

    def record(self, fitted: Fitted) -> dict[str, Any]:
        """Returns the record of the extension for the manifest, as JSON."""
        return {'folder': os.path.abspath(self.data.folder), 'new_values': self.new_values(fitted)}
