"""What a person sees while runs train, one after the other."""

import contextlib
import threading

from autoint_jax import heartbeat
from autoint_jax.training import progress
from autoint_jax.training.progress import Bar


def test_each_run_has_a_bar(monkeypatch, capsys):
    monkeypatch.setenv('FORCE_COLOR', '1')
    bar = Bar()
    for done, total, share in ((30, 40, '75%'), (1, 5, '20%')):
        bar.steps(done, total, 10.0)
        bar.close()
        shown = capsys.readouterr().out
        assert 'training' in shown and share in shown
    bar.close()


def test_silence_is_broken_by_what_goes_on(monkeypatch):
    """No sleep proves it: the body waits for the second sentence."""
    monkeypatch.setattr(heartbeat, 'QUIET_SECONDS', 0.01)
    said, twice, others = [], threading.Event(), threading.enumerate()

    def say(sentence):
        said.append(sentence)
        if len(said) == 2:
            twice.set()

    with contextlib.closing(heartbeat.Heartbeat(say)) as beat:
        beat.doing('compiling')
        assert twice.wait(60)
        beat.doing('evaluating')
    count = len(said)
    assert said[:2] == ['compiling (0 s)', 'compiling (0 s)']
    assert not [thread for thread in threading.enumerate() if thread.name == 'heartbeat' and thread not in others]
    beat.close()
    assert len(said) == count


def test_what_is_said_often_is_not_said_again(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: clock[0])
    monkeypatch.setattr(heartbeat.threading.Thread, 'start', lambda thread: None)
    beat = heartbeat.Heartbeat(None)
    beat.doing('training')
    clock[0] = 5.0
    beat.heard()
    beat.doing('evaluating')
    assert beat.quiet_until() == 5.0 + heartbeat.QUIET_SECONDS  # from the last sentence on, whatever goes on


def test_a_pipe_gets_a_line_with_epoch_rate_and_time_left(monkeypatch, capsys):
    """The test moves the clock: never 30 seconds pass without a line, and no line comes while others are printed."""
    clock = [0.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: clock[0])
    monkeypatch.setattr(heartbeat.threading.Thread, 'start', lambda thread: None)
    assert progress.PIPE_SECONDS <= 30
    bar = Bar(epochs=20)
    bar.steps(64, 1000, 123.4)
    clock[0] = 10.0
    bar.steps(114, 1000, 150.0)
    assert bar._beat.quiet_until() == progress.PIPE_SECONDS
    bar.say(bar._beat._sentence(0.0))
    assert bar._beat.quiet_until() == 10.0 + progress.PIPE_SECONDS
    bar.doing('evaluating on the valid split')
    bar.say(bar._beat._sentence(25.0))
    assert capsys.readouterr().out.splitlines() == [
        'training: epoch 2.28 of 20, step 114 of 1,000, 150 rows/s, at most 2 min 57 s left',
        'evaluating on the valid split (25 s)',
    ]


def test_steps_without_a_terminal_are_told_of(monkeypatch, capsys):
    monkeypatch.setattr(progress, 'PIPE_SECONDS', 0.01)
    bar, told = Bar(), threading.Event()
    say = bar._beat._say
    monkeypatch.setattr(bar._beat, '_say', lambda sentence: (say(sentence), told.set()))
    bar.steps(64, 1000, 123.4)
    assert told.wait(60)
    bar.close()
    assert 'training: step 64 of 1,000, 123 rows/s' in capsys.readouterr().out
