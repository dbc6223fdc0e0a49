"""One reader per family of formats; they run in the sandboxed child only."""
