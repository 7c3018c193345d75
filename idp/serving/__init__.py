"""How the broker runs as processes: one supervisor, its workers, and a board that they share.

- `board`: anonymous shared memory, made before the first fork: how each worker is, and whether all are about to end;
- `worker`: what a forked process does from its first moment to its last;
- `children`: how one process asks after, signals and ends another by its number, though it may be gone;
- `supervisor`: forks, restarts, reloads and drains. It has no thread, opens no database and answers no request.
"""
