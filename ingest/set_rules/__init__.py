"""Rules that need all rows at once, or another dataset: functions from staged rows to findings. They change nothing."""
