"""When the watch ends a process, and what it says, with a store and a clock of the test."""

import json

import pytest

from autoint_jax.training.processes import group, watch
from autoint_jax.training.processes.watch import DEAD_SECONDS, SUSPECT_SECONDS, Watch


class Store:
    """The store as process 0 of three sees it."""

    def __init__(self):
        self.texts, self.moves = {}, 0

    def say(self, name, text):
        self.texts[name] = text

    def said(self, folder):
        return {name.split('/')[1]: text for name, text in self.texts.items() if name.startswith(f'{folder}/')}


@pytest.fixture
def store(monkeypatch):
    store = Store()
    monkeypatch.setattr(group, 'say', store.say)
    monkeypatch.setattr(group, 'said', store.said)
    monkeypatch.setattr(group, 'count', lambda: 3)
    monkeypatch.setattr(group, 'number', lambda: 0)
    monkeypatch.setattr(group, 'moves', lambda: store.moves)
    monkeypatch.setattr(watch.time, 'monotonic', lambda: 100.0)
    return store


@pytest.fixture
def guard(store, monkeypatch):
    guard = Watch(60.0, lambda *found: None)
    monkeypatch.setattr(guard._thread, 'start', lambda: None)
    guard.start()
    return guard


def live(store, sign, *processes):
    for process in processes:
        store.say(f'alive/{process}', sign)


def test_processes_that_live_and_move_stay(store, guard):
    for look in range(100):
        store.moves = look // 10
        live(store, str(look), 1, 2)
        assert guard._verdict(str(look), 100.0 + 5 * look) is None
    assert store.texts['alive/0'] == '99'


@pytest.mark.parametrize(('suspected', 'seconds'), [(False, DEAD_SECONDS), (True, SUSPECT_SECONDS)])
def test_a_process_without_a_sign_of_life_is_dead(store, guard, suspected, seconds):
    live(store, 'first', 1, 2)
    assert guard._verdict('1', 101.0) is None
    live(store, 'second', 1)
    if suspected:
        guard.suspect()
    assert guard._verdict('2', 101.0 + seconds) is None
    live(store, 'third', 1)
    sentence, status = guard._verdict('3', 101.5 + seconds)
    assert sentence.startswith('process 2 of this run has died or is stopped (no sign of life for ')
    assert status == 1 and json.loads(store.texts['ended/0']) == [sentence, 1]  # the others end with it too


def test_a_process_that_never_came_to_life_is_dead(store, guard):
    live(store, 'first', 1)
    assert guard._verdict('1', 100.0 + DEAD_SECONDS + 1)[0].startswith('process 2 ')


def test_the_sentence_and_status_of_a_process_that_ended_are_passed_on(store, guard):
    live(store, 'first', 1, 2)
    store.say('ended/1', json.dumps(['the disk is full: free some space', 5]))
    assert guard._verdict('1', 101.0) == ('process 1 ended: the disk is full: free some space', 5)


def test_a_process_that_does_not_move_on_ends_all(store, guard):
    for look in range(13):
        live(store, str(look), 1, 2)
        assert guard._verdict(str(look), 100.0 + 5 * look) is None
    live(store, 'last', 1, 2)
    sentence, status = guard._verdict('last', 165.0)
    assert sentence.startswith('process 0 of this run has not moved on for 65 s, so it or another one hangs')
    assert status == 1 and 'ended/0' in store.texts
