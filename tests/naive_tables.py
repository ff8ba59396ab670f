"""The recipes of the click logs once more, row by row with plain loops and the csv module, as references for tests."""

import collections
import csv
import math

import numpy as np


def read(path, delimiter, header=False):
    with open(path, newline='') as file:
        rows = list(csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE))
    return rows[1:] if header else rows


def folds(labels):
    """Folds of scikit-learn 0.19.1 as its source reads, class by class: train 0, valid 1, test 2."""
    split = [0] * len(labels)
    for label in sorted(set(labels)):
        rows = [row for row, own in enumerate(labels) if own == label]
        order = np.arange(len(rows))
        np.random.RandomState(2018).shuffle(order)
        size, larger = divmod(len(rows), 10)
        first = size + (larger > 0)
        second = size + (larger > 1)
        for place in order[:first]:
            split[rows[place]] = 2
        for place in order[first : first + second]:
            split[rows[place]] = 1
    return split


def frequent(values, split, least, *, all_rows):
    """Sorted values that occur `least` times or more in the rows that count; '' is none."""
    counts = collections.Counter(
        value for value, own in zip(values, split, strict=True) if value != '' and (all_rows or own == 0)
    )
    return sorted(value for value, count in counts.items() if count >= least)


def log_square(text):
    if text == '':
        return math.nan
    number = int(text)
    return float(int(math.log(number) ** 2)) if number > 2 else float(number)


def coded(values, known, *, first, unknown, missing):
    """Ids of values, missing ones ('') apart."""
    ids = {value: number for number, value in enumerate(known, start=first)}
    return [missing if value == '' else ids.get(value, unknown) for value in values]


def streamed(values, ids, least, unknown):
    """Ids as one streaming pass gives them: the first `least` - 1 occurrences are unknown."""
    seen = collections.Counter()
    out = []
    for value, number in zip(values, ids, strict=True):
        seen[value] += 1
        out.append(number if seen[value] >= least or value == '' else unknown)
    return out
