"""Compares training steps with peers on many shapes of AutoInt, and for every model."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from autoint_jax.benchmarks import report
from autoint_jax.benchmarks.autoint_sizes import AUTOINTS, sized
from autoint_jax.benchmarks.full_rate import beside_peers
from autoint_jax.benchmarks.report import Outcome
from autoint_jax.benchmarks.roofline import Peak, measured_peak
from autoint_jax.benchmarks.shapes import SHAPES, made_up
from autoint_jax.benchmarks.stepping import StepBenchmark
from autoint_jax.benchmarks.windows import Timing, medians
from autoint_jax.config.configuration import Config, replace
from autoint_jax.errors import UsageError, nearest
from autoint_jax.models import registry
from autoint_jax.models.layers.tables import lookup
from autoint_jax.schema import Batch, Schema
from autoint_jax.training.run_folder.provenance import without_paths

OURS = 'autoint_jax'


DEEP = {'model.deep_hidden': (400, 400, 400)}
# The options of each model, as peers are configured.
MODELS: dict[str, dict[str, Any]] = {
    'lr': {'model.name': 'lr'},
    'fm': {'model.name': 'fm'},
    'nfm': {'model.name': 'nfm', **DEEP},
    'dnn': {'model.name': 'dnn', **DEEP},
    'wide_deep': {'model.name': 'wide_deep', **DEEP},
    'deepfm': {'model.name': 'deepfm', **DEEP},
    'dcn_v2': {'model.name': 'dcn_v2', **DEEP},
    'xdeepfm': {'model.name': 'xdeepfm', **DEEP},
    'masknet': {'model.name': 'masknet', **DEEP},
    'finalmlp': {'model.name': 'finalmlp', **DEEP},
    'fcn': {'model.name': 'fcn'},
    'finalnet': {'model.name': 'finalnet', **DEEP},
    'wukong': {'model.name': 'wukong', **DEEP},
    'rankmixer': {'model.name': 'rankmixer'},
    'autoint': {},
    'autoint_plus': {'model.deep_hidden': (400, 400)},
    'destine': {'model.name': 'destine'},
    'ft_transformer': {'model.name': 'ft_transformer'},
    'field_attention': {'model.name': 'field_attention', 'model.field_projections': True},
    'heteroatt': {'model.name': 'heteroatt'},
    'hiformer': {'model.name': 'hiformer', 'model.joint_rank': 64, 'model.joint_value_rank': 128},
}


def shapes(
    config: Config, only: Sequence[str], forms: Sequence[str], peers: Sequence[str], timing: Timing, *, quick: bool
) -> Outcome:
    """Measures training steps of AutoInt with sizes of AUTOINTS, in several forms and beside peers.

    Args:
      config: the configuration; its sizes and its form are replaced.
      only: names in AUTOINTS; empty for all.
      forms: forms of the interacting layers, each beside 'automatic'.
      peers: commands; {fields}, {features}, {embedding_dim}, {layers}, {heads}, {head_dim} and {batch} in them are
        replaced.
      timing: the windows of each candidate.
      quick: whether peaks are measured from small arrays.

    Raises:
      UsageError: a name is unknown, or a peer fails.
    """
    names = chosen(only, AUTOINTS)
    peak, rows = measured_peak(config.model.compute_dtype, quick=quick), {}
    for name in names:
        sizes = AUTOINTS[name]
        own, shape = sized(config, sizes), sizes.shape()
        steps = {form: StepBenchmark(replace(own, {'execution.form': form}), shape) for form in ('automatic', *forms)}
        work = steps['automatic'].work.operations
        rows[name] = {
            **sizes._asdict(),
            'slice_rows': steps['automatic'].cut.slice_rows,
            **_compared(steps, [filled(peer, sizes._asdict()) for peer in peers], work, peak, timing, quick=quick),
        }
        print(report.table(HEADER, [_line(name, rows[name])])[1], flush=True)
    return _outcome(rows, peak)


def models(
    config: Config, only: Sequence[str], shape: str, peers: Sequence[str], timing: Timing, *, quick: bool
) -> Outcome:
    """Measures training steps of models of MODELS on a shape of SHAPES, beside peers.

    The arguments are those of `shapes`; {model}, {shape} and {batch} are replaced in the commands of peers. The share
    of the peak counts the operations that XLA counts in the forward pass of a row, times three.
    """
    names = chosen(only, MODELS)
    peak, rows = measured_peak(config.model.compute_dtype, quick=quick), {}
    for name in names:
        own = replace(config, MODELS[name])
        step = StepBenchmark(own, SHAPES[shape])
        values = {'model': name, 'shape': shape, 'batch': own.training.batch_size}
        work = 3 * forward_operations(own, made_up(SHAPES[shape], 8, seed=1)[0])
        rows[name] = {
            'slice_rows': step.cut.slice_rows,
            **_compared({'automatic': step}, [filled(peer, values) for peer in peers], work, peak, timing, quick=quick),
        }
        print(report.table(HEADER, [_line(name, rows[name])])[1], flush=True)
    return _outcome(rows, peak, {'shape': shape, 'batch': config.training.batch_size})


HEADER = ['case', 'rows/s', 'of the best form', 'of the fastest peer', 'of the peak', 'slices of']


def chosen(only: Sequence[str], known: dict[str, Any]) -> list[str]:
    """Returns the names to measure, all if none is given. Raises UsageError if one is unknown."""
    for name in only:
        if name not in known:
            raise UsageError(f'--only={name} is unknown{nearest(name, list(known))}; known: {", ".join(known)}')
    return list(only) or list(known)


def filled(command: str, values: dict[str, Any]) -> str:
    """Replaces names in braces in the command of a peer; other braces stay."""
    for name, value in values.items():
        command = command.replace(f'{{{name}}}', str(value))
    return command


def forward_operations(config: Config, schema: Schema) -> float:
    """Returns the operations of the forward pass of a row, as XLA counts them before it optimizes."""
    rows = 64
    form = 'einsum' if registry.model_class(config.model).HAS_FORMS else 'automatic'
    model, specs = registry.build(config.model, schema, form)
    shape = jax.ShapeDtypeStruct
    batch = Batch(
        shape((rows, schema.num_slots), np.int32),
        shape((rows, len(schema.numeric_fields)), np.float32),
        shape((rows,), np.float32),
        shape((rows,), np.float32),
    )
    tables = {name: shape((spec.rows, spec.width), np.float32) for name, spec in specs.items()}
    found = jax.eval_shape(lambda tables, batch: lookup(tables, specs, batch), tables, batch)
    variables = jax.eval_shape(functools.partial(model.init, training=None), jax.random.key(0), found, batch)
    counted = jax.jit(functools.partial(model.apply, training=None)).lower(variables, found, batch).cost_analysis()
    return float((counted or {}).get('flops', 0.0)) / rows


def _compared(
    steps: dict[str, StepBenchmark], peers: Sequence[str], operations: float, peak: Peak, timing: Timing, *, quick: bool
) -> dict[str, Any]:
    """Measures steps and peers in turn, and returns the figures of a record."""
    rates, slow_windows = beside_peers({form: step.window for form, step in steps.items()}, peers, timing, quick=quick)
    middle = medians(rates)
    ours, fastest = middle['automatic'], max((middle[peer] for peer in peers), default=None)
    return {
        'rows_per_second': {without_paths(name): windows for name, windows in rates.items()},
        'slow_windows': slow_windows,
        'of_best_form': ours / max(middle[form] for form in steps),
        'of_fastest_peer': ours / fastest if fastest else None,
        'operations_per_row': operations,
        'share_of_peak': ours * operations / peak.operations,
        'median': ours,
    }


def _line(name: str, row: dict[str, Any]) -> tuple[Any, ...]:
    beside = row['of_fastest_peer']
    return (
        name,
        row['median'],
        row['of_best_form'],
        '' if beside is None else beside,
        row['share_of_peak'],
        row['slice_rows'],
    )


def _outcome(rows: dict[str, dict[str, Any]], peak: Peak, beside: dict[str, Any] | None = None) -> Outcome:
    lines = ['', *report.table(HEADER, [_line(name, row) for name, row in rows.items()])]
    ratios = {name: row['of_fastest_peer'] for name, row in rows.items() if row['of_fastest_peer']}
    if ratios:
        worst = min(ratios, key=ratios.__getitem__)
        lines.append(f'the least ratio to the fastest peer is {ratios[worst]:.2f} ({worst})')
    return Outcome(lines, {**(beside or {}), 'cases': rows, 'roofline': peak._asdict()})
