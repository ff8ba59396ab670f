"""Numbers with units as sentences have them: counts with nouns, bytes, seconds."""


def counted(count: int, one: str, more: str = '') -> str:
    """Returns a count with its noun: '1 row', '5,000 rows'."""
    return f'{count:,} {one if count == 1 else more or one + "s"}'


def shown_bytes(count: float) -> str:
    """Returns a number of bytes in decimal units, such as '1.92 GB'."""
    for unit in ('bytes', 'kB', 'MB', 'GB'):
        if count < 1000:
            return f'{count:.3g} {unit}' if count < 999.5 else f'{count:.0f} {unit}'
        count /= 1000
    return f'{count:.3g} TB' if count < 999.5 else f'{count:,.0f} TB'


def shown_seconds(seconds: float) -> str:
    """Returns a time in its two largest units, such as '42 s', '3 min 20 s' or '2 h 5 min'."""
    whole = round(seconds)
    if whole < 60:
        return f'{whole} s'
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f'{minutes} min {rest} s' if rest else f'{minutes} min'
    hours, minutes = divmod(minutes, 60)
    return f'{hours:,} h {minutes} min' if minutes else f'{hours:,} h'
