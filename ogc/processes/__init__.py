"""OGC API - Processes (18-062r2): descriptions, execution, jobs; what a job does besides waiting is done by the worker process."""
