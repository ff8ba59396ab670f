"""Table 3: the number of parameters outside the embeddings, counted from shapes alone."""

import pathlib
from collections.abc import Mapping
from typing import Any

import jax

from autoint_jax.config.configuration import Config
from autoint_jax.errors import UsageError, nearest
from autoint_jax.models.registry import parameter_count
from autoint_jax.records import comparison
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.paper.markdown import table
from autoint_jax.reproduction.paper.published import SIZES, SIZES_DATASET
from autoint_jax.schema import CATEGORICAL, NUMERIC, FieldSpec, Schema
from autoint_jax.training.step.state import initial_state, make_setup

# {data set: (numeric fields, other fields)} (paper, Table 1 and section 5.1.1)
FIELDS = {'criteo': (13, 26), 'avazu': (0, 23), 'kdd12': (3, 10), 'movielens_1m': (1, 6)}
BESIDE = 'movielens_1m'
NAME = 'table3_model_size'


def shape(dataset: str) -> Schema:
    """Returns a schema with the fields of a data set, to count parameters outside the embeddings only.

    Numbers of ids are made up, because they change only tables. The multivalued field of MovieLens-1M has one slot,
    because its values are averaged into one vector.

    Raises:
      UsageError: the shape of the data set is unknown.
    """
    if dataset not in FIELDS:
        raise UsageError(
            f'there is no shape of data set {dataset!r}{nearest(dataset, list(FIELDS))}; known: {", ".join(FIELDS)}'
        )
    numeric, others = FIELDS[dataset]
    return Schema(
        (
            *(FieldSpec(f'number_{at}', NUMERIC) for at in range(numeric)),
            *(FieldSpec(f'category_{at}', CATEGORICAL, 2) for at in range(others)),
        )
    )


def parameters(config: Config, schema: Schema) -> int:
    """Returns the exact number of parameters outside the embeddings, with biases. No array is made.

    Raises:
      UsageError: the configuration is wrong.
    """
    setup = make_setup(config, schema)
    return parameter_count(jax.eval_shape(lambda: initial_state(setup)).params)


def rounded_as(count: int, published: str) -> str:
    """Writes `count` like a published figure such as '1.6e5', with the same number of digits."""
    digits = len(published.partition('e')[0].replace('.', ''))
    mantissa, exponent = f'{count:.{digits - 1}e}'.split('e')
    return f'{mantissa}e{int(exponent)}'


def compared(configs: Mapping[tuple[str, str], Config], dataset: str) -> list[dict[str, Any]]:
    """Returns a row for each configuration: its number of parameters with the fields of a data set and of MovieLens-1M.

    Args:
      configs: {(model, variant): configuration}; the variant is '' if a model has only one. The figure of the paper
        stands beside variants '' and 'paper', because it belongs to the paper's equations.
      dataset: the data set whose fields are used. The figures of the paper belong to Criteo.
    """
    rows, schema, beside = [], shape(dataset), shape(BESIDE)
    for (model, variant), config in configs.items():
        ours = parameters(config, schema)
        published = SIZES.get(model) if dataset == SIZES_DATASET and variant in ('', 'paper') else None
        rows.append(
            {
                'model': model,
                'variant': variant,
                'parameters': ours,
                'paper': published,
                'rounded': rounded_as(ours, published) if published else None,
                'share_of_paper': ours / float(published) if published else None,
                'verdict': comparison.verdict(rounded_as(ours, published) == published) if published else None,
                f'parameters_{BESIDE}': parameters(config, beside),
            }
        )
    return rows


def model_size_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown of Table 3 from its records; [] if there is none."""
    return lines_of(results_dir, f'{NAME}_*.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    lines = [
        '',
        f'**Table 3, parameters outside the embeddings, shape of `{record["dataset"]}`.** {record["criterion"]}.',
        '',
    ]
    cells = []
    for row in record['rows']:
        variant = f', variant {row["variant"]}' if row['variant'] else ''
        cells.append(
            [
                f'`{row["model"]}`{variant}',
                f'{row["parameters"]:,}',
                row['paper'] or '-',
                row['verdict'] or '',
                f'{row[f"parameters_{BESIDE}"]:,}',
            ]
        )
    return lines + table(['model', 'parameters', 'paper', '', f'at the shape of `{BESIDE}`'], cells)
