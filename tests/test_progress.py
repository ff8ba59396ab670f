"""What a person sees while runs train, one after the other."""

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
