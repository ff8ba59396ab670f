"""Figures of attention: any field name is drawn as it is written, and any number of fields, layers and heads in bounded
size.
"""

import warnings

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure
from test_layering import FILES, imports

from autoint_jax.errors import UsageError
from autoint_jax.explain import excerpt, heatmaps, labels
from autoint_jax.explain.rows import MOST_ROWS, row_numbers

HOSTILE = {
    'mathematics': 'a$x^$b',
    'no mathematics': '$a_{b',
    'percent': '100%_{x}',
    'backslash': '\\frac{1}{0}',
    'lines': 'one\ntwo\r\tthree',
    'terminal': '\x1b[31mred\x07\x00',
    'emoji': '🎉🧑‍🚀',
    'chinese': '日本語',
    'right to left': 'שלום',
    'arabic': 'مرحبا',
    'override': 'a\u202eabc',
    'markup': '<script>alert(1)</script>',
    'long': 'L' * 300,
    'blank': ' ',
    'spaces': 'a\u00a0b',
    'combining': 'e\u0301' * 3,
    'half of a pair': 'a\ud800b',
    'not assigned': '\U000e0fff',
}


def attention_of(fields, layers=1, heads=1):
    weights = np.random.default_rng(0).random((layers, heads, fields, fields))
    return weights / weights.sum(-1, keepdims=True)


@pytest.fixture
def texts(monkeypatch):
    """What the figures that are saved show, by axis."""
    shown = []
    save = Figure.savefig

    def saved(figure, *args, **kwargs):
        save(figure, *args, **kwargs)
        shown.append(
            [
                [tick.get_text() for tick in ticks]
                for axes in figure.axes[:1]
                for ticks in (axes.get_xticklabels(), axes.get_yticklabels())
            ]
        )

    monkeypatch.setattr(Figure, 'savefig', saved)
    return shown


def test_every_name_is_drawn_without_a_warning(tmp_path, capfd):
    names = [*HOSTILE.values(), 'b', *(f'{name}c' for name in HOSTILE.values())]
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        heatmaps.save_grid(attention_of(len(names)), names, 'a title of $100', tmp_path / 'grid.png')
        heatmaps.save_mean(attention_of(len(names)), names, 'a title of $100', tmp_path / 'mean.png')
    assert capfd.readouterr() == ('', '')
    found = labels.labels(names)
    assert len(set(found)) == len(names) <= excerpt.MOST_FIELDS and max(map(len, found)) <= labels.LONGEST
    assert all(character.isprintable() for label in found for character in label)


def test_names_are_shown_as_they_are_written(tmp_path, texts):
    heatmaps.save_grid(attention_of(3), ['a$x^$b', '<b>c</b>', '日\n\\n'], 'title', tmp_path / 'grid.png')
    wide = labels.drawable('日')
    assert wide in ('日', '\\u65e5')  # as the fonts of this machine have it
    assert texts == [[['a$x^$b', '<b>c</b>', f'{wide}\\n\\n']] * 2]


def test_a_character_without_a_glyph_becomes_an_escape(monkeypatch):
    monkeypatch.setattr(labels, '_font_files', list)
    labels._is_drawn.cache_clear()
    assert labels.drawable('日é') == '\\u65e5\\xe9'
    labels._is_drawn.cache_clear()


def test_long_and_equal_names_stay_apart():
    names = ['user_' + 'x' * 300 + '_a', 'user_' + 'x' * 300 + '_b', 'a\n', 'a\\n', 'short', 'user_' + 'y' * 27]
    found = labels.labels(names)
    assert (
        found[0].startswith('user_xx') and found[0].endswith('_a #1') and '…' in found[0] and found[1].endswith('_b #2')
    )
    assert found[2:] == ['a\\n #3', 'a\\n #4', 'short', names[-1]]
    assert labels.labels(['a', '\ud800' * 6 + 'b'])[1] == '\\ud800' * 3 + '…' + '\\ud800' + 'b #2'  # no escape is cut
    assert len(set(found)) == 6 and max(map(len, found)) == labels.LONGEST


@pytest.mark.parametrize(
    'fields, layers, heads',
    [(1, 1, 1), *(pytest.param(*sizes, marks=pytest.mark.slow) for sizes in ((3, 40, 3), (excerpt.MOST_FIELDS, 2, 4)))],
)
def test_figures_are_bounded(fields, layers, heads, tmp_path):
    names = [f'field number {number} of a wide table' for number in range(fields)]
    heatmaps.save_grid(attention_of(fields, layers, heads), names, 'title', tmp_path / 'grid.png')
    height, width, _ = image.imread(tmp_path / 'grid.png').shape
    assert 10_000 < height * width <= 1.01 * heatmaps.MOST_DOTS


def test_of_many_layers_and_heads_means_are_drawn():
    attention = attention_of(3, 5, 7)
    maps, titles = excerpt.drawn_maps(attention)
    np.testing.assert_allclose(maps[:, 0], attention.mean(1))
    assert maps.shape == (5, 1, 3, 3) and titles[4] == 'layer 5 of 5, mean of 7 heads'
    maps, titles = excerpt.drawn_maps(attention_of(2, 100, 1))
    assert len(maps) == len(titles) == excerpt.MOST_MAPS
    assert titles[0].startswith('layer 1 of') and titles[-1].startswith('layer 100')
    assert excerpt.drawn_maps(attention[:, :2])[1][3] == 'layer 2, head 2'


@pytest.mark.parametrize(
    'texts, rows, part',
    [
        (['0', 'x'], 9, "'x' is not a number"),
        (['-1'], 9, "'-1' is not a number"),
        (['²'], 9, "'²' is not a number"),
        (['1.5'], 9, 'is not a number'),
        (['9'], 9, 'row 9 is not in this split: it has rows 0 to 8'),
        (['9' * 5000], 9, 'is not in this split'),
        (['0'], 0, 'it has no rows'),
        ([str(row) for row in range(MOST_ROWS + 1)], 10**6, 'at most 100'),
    ],
)
def test_row_numbers_that_are_none(texts, rows, part):
    with pytest.raises(UsageError) as raised:
        row_numbers(texts, rows)
    assert part in str(raised.value) and len(str(raised.value)) < 400


def test_a_row_given_twice_is_drawn_once():
    assert row_numbers(['3', '0', ' 3', '003'], 9) == [3, 0] and row_numbers([], 9) == []


def test_no_module_touches_the_state_of_pyplot():
    assert [path for path in FILES for name in imports(path) if 'pyplot' in name or name == 'matplotlib.use'] == []
