"""Benchmarks: ours, the peer and the physical bound, interleaved in one run (docs/performance.md is written by them)."""
