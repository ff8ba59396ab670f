"""Kernels for CPUs in C++, compiled when first needed."""
