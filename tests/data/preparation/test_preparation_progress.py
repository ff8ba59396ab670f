"""What a preparation says in a pipe: never more than 30 seconds of silence."""

from autoint_jax import heartbeat
from autoint_jax.data.preparation.progress import PreparationBar


def test_a_pipe_gets_a_line_in_time_whatever_goes_on(monkeypatch, capsys):
    """The test moves the clock, and it asks in place of the thread."""
    clock = [0.0]
    monkeypatch.setattr(heartbeat.time, 'monotonic', lambda: clock[0])
    monkeypatch.setattr(heartbeat.threading.Thread, 'start', lambda thread: None)
    monkeypatch.setattr(heartbeat.threading.Thread, 'join', lambda thread: None)
    assert heartbeat.PIPE_SECONDS <= 30

    def spoken():
        """Returns what the thread says when a sentence is due."""
        clock[0] = bar._beat.quiet_until()
        bar.say(bar._beat._sentence(clock[0] - bar._beat._began))
        return capsys.readouterr().out.splitlines()

    with PreparationBar() as bar:
        assert spoken() == ['opening the files (20 s)']
        bar.begin('reading', 1000)
        assert spoken() == ['reading (20 s)']
        clock[0] = 60.0
        bar.advance(250, 5000)
        assert bar._beat.quiet_until() == 40.0 + heartbeat.PIPE_SECONDS  # an advance is not a line
        assert spoken() == ['reading: 25%, 125 rows/s, 2 min left']
        clock[0] = 70.0
        bar.end(20000)
        assert capsys.readouterr().out == 'reading: 20,000 rows in 50.0 s, 400 rows/s\n'
        assert spoken() == ['working on what follows reading (20 s)']
