"""The tables and functions of schema ``catalog``, in load order."""
