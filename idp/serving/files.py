"""How many files and connections a process may have open: as many as its system lets it."""

import resource


def raise_limit() -> int:
    """Raise the soft limit to the hard one, which it returns: the usual 1,024 are few for connections and all else."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
