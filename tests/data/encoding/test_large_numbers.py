"""Numbers that are too large for their transform or for float32 are named, and so is a column of one number."""

import re

import numpy as np
import polars as pl
import pytest
from test_unknown_values import table

from autoint_jax.data.encoding.parameters import fitted_parameters
from autoint_jax.data.encoding.plan import FieldPlan
from autoint_jax.data.encoding.transforms import transformed
from autoint_jax.errors import UsageError


def numbers(folder, transform, train, test=('1', '2')):
    """Prepares one numeric column. Labels alternate."""
    rows = [
        (part, '', '', value, number % 2)
        for part, values in (('a', train), ('b', ('1', '2')), ('c', test))
        for number, value in enumerate(values)
    ]
    kind = 'categorical' if transform == 'log_square_bucket' else 'numeric'
    return table(folder, [f'{{name: x, kind: {kind}, column: size, transform: {transform}}}'], rows)


OVERFLOWS = {
    'deviation that vanishes': (
        'standard',
        ('1e-200', '2e-200', '0'),
        ('1', '2'),
        'values go from 0 to 2e-200, vanishes',
    ),
    'value of a test row': (
        'standard',
        ('1e-30', '2e-30', '3e-30'),
        ('1e30', '1'),
        'the value 1e.30 of column .size. becomes .*e.60',
    ),
    'value by the smallest and the largest': (
        'min_max',
        ('0', '1e-30'),
        ('1e30', '1'),
        "1e.30 of column 'size' becomes 1e.60",
    ),
    'negative bucket': (
        'log_square_bucket',
        ('-1e30', '1'),
        ('1', '2'),
        'the value -1e.30 of column .size. is too large for a bucket',
    ),
}


@pytest.mark.parametrize('case', OVERFLOWS)
def test_what_overflows_is_named_and_nothing_is_left(tmp_path, case, recwarn):
    transform, train, test, sentence = OVERFLOWS[case]
    with pytest.raises(UsageError, match=f"field 'x': .*{sentence}.*missing_values"):
        numbers(tmp_path, transform, train, test)
    assert not list((tmp_path / 'out' / 'csv').iterdir()) and not list(recwarn)


@pytest.mark.parametrize(
    'transform, values, name',
    [
        ('standard', [1e300, 0.5, 0.25], 'the mean or the standard deviation'),
        ('standard', [1.7e308] * 3, 'the mean or the standard'),
        ('min_max', [-1.7e308, 1.7e308], 'the difference of the largest and the smallest value'),
        ('quantiles', [-1.7e308, 1.7e308], 'a quantile'),
        ('none', [1e300], None),
        ('log_square', [-1e39, 7.0], None),
    ],
)
def test_parameters_and_values_too_large_for_their_type(transform, values, name):
    field = FieldPlan('x', 'categorical' if transform == 'quantiles' else 'numeric', 'size', transform, buckets=4)
    column = pl.Series('size', values)
    if name is None:
        assert fitted_parameters(field, lambda: [column], len(values)) == ()
        with pytest.raises(
            UsageError, match="field 'x': the value .* of column 'size' becomes .* too large for float32"
        ):
            transformed(field, column, ())
        return
    if values == [1.7e308] * 3:
        assert fitted_parameters(field, lambda: [column], 3) == (1.7e308, 0.0)
        return
    with pytest.raises(
        UsageError, match=f"field 'x': {re.escape(name)} .*column 'size', whose values go from .* overflows"
    ):
        fitted_parameters(field, lambda: [column], len(values))


@pytest.mark.parametrize('transform', ['standard', 'min_max'])
def test_a_constant_column_is_zero_and_said(tmp_path, transform):
    data = numbers(tmp_path, transform, ['0.1'] * 7, ('0.1', '1.1'))
    (note,) = data.preparation['notes']
    assert "field 'x' tells a model nothing" in note and 'holds one number only, 0.1' in note
    assert not data.split('train').numeric.any()
    np.testing.assert_allclose(data.split('test').numeric[:, 0], [0, 1], rtol=1e-6)
