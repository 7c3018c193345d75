"""The processes of the broker: one supervisor, its workers, and a board in shared memory.

- `board`: anonymous shared memory, made before the first fork: how each worker is, and whether all are about to end;
- `worker`: what a forked process does from its first moment to its last;
- `supervisor`: forks, restarts, reloads and drains. It has no thread, opens no database and answers no request;
- `children`: one process forks, signals, reaps and ends another by its number.
"""
