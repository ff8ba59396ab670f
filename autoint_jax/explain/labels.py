"""Labels of fields in figures: every label can be drawn, is short, and differs from all others."""

import collections
import functools
import unicodedata
from collections.abc import Sequence

from matplotlib import font_manager

LONGEST = 32  # the most characters of a label
# The font that comes with Matplotlib, and fonts for other scripts, which are used if they are installed.
FONT = 'DejaVu Sans'
MORE_FONTS = (
    'Noto Sans CJK SC',
    'Noto Sans CJK JP',
    'Noto Sans SC',
    'Source Han Sans SC',
    'WenQuanYi Micro Hei',
    'WenQuanYi Zen Hei',
    'Droid Sans Fallback',
    'PingFang SC',
    'Hiragino Sans',
    'Microsoft YaHei',
    'Yu Gothic',
    'Malgun Gothic',
    'Noto Sans',
    'Noto Sans Devanagari',
    'Noto Sans Thai',
    'Noto Emoji',
    'Segoe UI Symbol',
    'Arial Unicode MS',
)


@functools.cache
def fonts() -> list[str]:
    """Returns the font families of labels; each is used for characters that those before it lack."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [FONT, *(name for name in MORE_FONTS if name in installed)]


def labels(names: Sequence[str]) -> list[str]:
    """Returns a label for each name, in order.

    Characters that cannot be drawn are written as escapes, such as \\n, \\u4e2d or \\U0001f389. A label of more than
    LONGEST characters loses its middle. A label that lost something, or would equal another, ends with the field's
    number, counted from 1: ' #17'.
    """
    whole = [_pieces(name) for name in names]
    found = [
        _shortened(pieces, number) if _size(pieces) > LONGEST else ''.join(pieces)
        for number, pieces in enumerate(whole, 1)
    ]
    taken = collections.Counter(found)
    return [
        label if taken[label] == 1 else _shortened(pieces, number)
        for number, (label, pieces) in enumerate(zip(found, whole, strict=True), 1)
    ]


def drawable(name: str) -> str:
    """Returns a name with escapes for characters that have no glyph in `fonts` or change how their neighbours look."""
    return ''.join(_pieces(name))


def _pieces(name: str) -> list[str]:
    """Returns the text that is drawn for each character of a name."""
    pieces = [character if _is_drawn(character) else character.encode('unicode_escape').decode() for character in name]
    return pieces if name.strip() else ["'", *pieces, "'"]


def _size(pieces: Sequence[str]) -> int:
    return sum(map(len, pieces))


def _shortened(pieces: list[str], number: int) -> str:
    """Returns a label that ends with its number, without its middle if it would be too long."""
    end = f' #{number}'
    room = LONGEST - len(end)
    if _size(pieces) > room:
        head, tail = 0, 0
        while _size(pieces[: head + 1]) <= 2 * room // 3:
            head += 1
        while _size(pieces[:head]) + 1 + _size(pieces[-tail - 1 :]) <= room:
            tail += 1
        pieces = [*pieces[:head], '…', *pieces[len(pieces) - tail :]]
    return ''.join(pieces) + end


@functools.cache
def _is_drawn(character: str) -> bool:
    if character != ' ' and (unicodedata.category(character)[0] == 'C' or character.isspace()):
        return False  # control characters, marks of direction, surrogates, spaces that look like a plain one
    return any(font_manager.get_font(path).get_char_index(ord(character)) for path in _font_files())


@functools.cache
def _font_files() -> list[str]:
    return [font_manager.findfont(font_manager.FontProperties(family=name)) for name in fonts()]


def width(label: str) -> float:
    """Returns about how wide a label is, in characters of usual width."""
    return sum(2 if unicodedata.east_asian_width(character) in 'WF' else 1 for character in label)
