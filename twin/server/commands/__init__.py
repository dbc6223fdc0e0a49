"""What the commands do, a module a subject: each takes settings, options and terminal and returns an exit code (None is 0).

A command imports only what it needs: `twin commits` must not wait for a web framework.
"""
