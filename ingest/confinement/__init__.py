"""What takes a process its rights for good: Landlock, seccomp, limits and a uid of its own (Linux, x86_64 and aarch64)."""
