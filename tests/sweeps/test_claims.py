"""Claims: of many that want one, one has it, until it gives it back or is dead."""

import json
import os
import subprocess
import sys
import threading
import time

from sweep_cases import STALE

from autoint_jax.sweeps import claims

RACE = """
import pathlib, sys
from autoint_jax.sweeps import claims
root, taker = pathlib.Path(sys.argv[1]), sys.argv[2]
def together(word):
    (root / f'{word}{taker}').touch()
    while len(list(root.glob(f'{word}*'))) < 3: pass
together('ready')
held = [claims.take(root / f'trial{trial}', stale_seconds=60, lost=lambda: None) for trial in range(150)]
together('through')  # a claim of a process that is gone may be taken
print(*[trial for trial, claim in enumerate(held) if claim is not None])
"""


def test_of_processes_that_race_for_a_claim_one_wins(tmp_path):
    for trial in range(0, 150, 2):  # half are new, half are stale
        stale(tmp_path / f'trial{trial}')
    racing = [
        subprocess.Popen([sys.executable, '-c', RACE, str(tmp_path), str(taker)], stdout=subprocess.PIPE, text=True)
        for taker in range(3)
    ]
    won = [list(map(int, process.communicate(timeout=60)[0].split())) for process in racing]
    assert sorted(sum(won, [])) == list(range(150))
    assert sum(bool(trials) for trials in won) > 1  # it was a race


def stale(folder):
    """A claim whose holder, on another machine, died an hour ago."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / '000001'
    path.write_text(json.dumps({'host': 'elsewhere', 'pid': 7, 'machine': 'other', 'note': {}}))
    os.utime(path, (time.time() - 3600,) * 2)


def test_of_threads_that_race_for_a_stale_claim_one_wins(tmp_path):
    stale(tmp_path / 'claims')
    won, gate = [], threading.Barrier(8)

    def race():
        gate.wait()
        won.append(claims.take(tmp_path / 'claims', stale_seconds=STALE, lost=lambda: None))

    racing = [threading.Thread(target=race) for _ in range(8)]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    (winner,) = [claim for claim in won if claim is not None]
    assert winner.number == 2
    winner.release()


def test_a_claim_is_held_until_released_or_its_holder_is_dead(tmp_path):
    def take():
        return claims.take(tmp_path, stale_seconds=STALE, lost=lambda: None)

    first = take()
    assert take() is None and claims.holder(tmp_path, STALE).pid == os.getpid()
    first.release()
    assert claims.holder(tmp_path, STALE) is None
    second = take()
    assert second.number == 2
    second.release()
    dead = subprocess.Popen(['true'])
    dead.wait()
    (tmp_path / '000003').write_text(json.dumps(json.loads((tmp_path / '000002').read_text()) | {'pid': dead.pid}))
    assert not claims.holder(tmp_path, STALE).live  # of this machine that is known at once
    (tmp_path / '000003').write_text(json.dumps({'machine': 'other', 'pid': dead.pid}))
    assert take() is None  # of another machine it is not
    os.utime(tmp_path / '000003', (time.time() - STALE - 5,) * 2)
    third = take()
    assert third.number == 4
    third.release()


def test_a_heart_beats_and_notices_that_the_claim_is_lost(tmp_path):
    lost = threading.Event()
    claim = claims.take(tmp_path, stale_seconds=0.4, lost=lost.set)
    time.sleep(0.8)
    assert claims.take(tmp_path, stale_seconds=0.4, lost=lambda: None) is None
    (tmp_path / '000002').touch()  # another took it for dead
    assert lost.wait(10)
    claim.release()
