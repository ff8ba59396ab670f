"""Kernels for CPUs in C++. They are compiled when they are first needed."""
