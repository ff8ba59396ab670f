"""Benchmarks: the speed of this project on made-up data, beside peers, goals and the peaks of the machine."""
