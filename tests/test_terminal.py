"""Control characters never reach a terminal, in whatever a command prints."""

import pytest
from test_exits import in_a_process

from autoint_jax.data.preparation.progress import PreparationBar
from autoint_jax.records import comparison
from autoint_jax.terminal import shown
from autoint_jax.training import progress


@pytest.mark.parametrize(
    'text, harmless',
    [
        ('plain, with blanks and ümlauts', 'plain, with blanks and ümlauts'),
        ('a\x1b[31mred', 'a\\x1b[31mred'),
        ('a\nb\r\tc', 'a\\nb\\r\\tc'),
        ('bell\a null\0 delete\x7f', 'bell\\x07 null\\x00 delete\\x7f'),
        ('C1\x9b31m', 'C1\\x9b31m'),
        ('\u202egnp.exe', '\\u202egnp.exe'),
        ('\u2066x\u2069\u200f', '\\u2066x\\u2069\\u200f'),
        ('\u2028\u2029\ufeff', '\\u2028\\u2029\\ufeff'),
        ('\udce9.csv', '\\udce9.csv'),
        ('日本 👩\u200d🚀 [red]', '日本 👩\u200d🚀 [red]'),
    ],
)
def test_what_a_terminal_would_act_on_is_escaped(text, harmless):
    assert shown(text) == harmless


def test_what_a_command_prints_is_harmless_and_rich_keeps_its_colours():
    done = in_a_process(
        'from rich.console import Console\ndef main(argv):\n    print("a\\x1b[31m\\x9b b\\t\\u202ec", "[red]d")\n'
        '    Console(force_terminal=True, color_system="standard").print("e", style="red")\n'
        '    os.write(sys.stdout.fileno(), b"f")'
    )
    assert done.stdout == 'a\\x1b[31m\\x9b b\t\\u202ec [red]d\n\x1b[31me\x1b[0m\nf', done.stdout + done.stderr


def test_rich_takes_no_name_for_markup(capsys):
    training = progress.Bar()
    training.steps(0, 1, 1.0)
    training.say('[red]name[/red] :smile: a\x1b[31mb')
    training.close()  # its thread would speak in other tests
    assert '[red]name[/red] :smile: a\\x1b[31mb' in capsys.readouterr().out
    with PreparationBar() as preparing:
        preparing.begin('fit', 1)
        preparing.say('[red]name[/red] :smile: a\x1b[31mb')
        assert '[red]name[/red] :smile: a\\x1b[31mb' in capsys.readouterr().out
    comparison.show('[b]title', ['[i]column'], [['[/x]\x1b[2J']])
    said = capsys.readouterr().out
    assert '[b]title' in said and '[i]column' in said and '[/x]\\x1b[2J' in said
