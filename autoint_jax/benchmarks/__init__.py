"""Benchmarks: how fast the parts of this project are on made-up data, beside peers, goals and the peaks of the machine."""
