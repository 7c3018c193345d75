"""The report of a crash test over one kind of database."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass
class Report:
    rounds: int = 0
    seconds: float = 0.0
    kinds: list[str] = field(default_factory=list)
    took: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # seconds until the kill, by kind
    judging: float = 0.0  # seconds
    killed: int = 0
    points: list[str] = field(default_factory=list)
    hit: set[str] = field(default_factory=set)
    disk: int = 0  # rounds that ended in SQLite's own operation
    acknowledged: int = 0
    tokens: int = 0
    checkpoints: int = 0
    switched: int = 0  # things that were switched off
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def unhit(self) -> set[str]:
        return set(self.points) - self.hit

    def told(self) -> dict[str, object]:
        return {
            "rounds": self.rounds,
            "seconds": round(self.seconds, 1),
            "killed": self.killed,
            "points": len(self.points),
            "hit": len(self.points) - len(self.unhit),
            "unhit": sorted(self.unhit),
            "disk": self.disk,
            "acknowledged": self.acknowledged,
            "tokens": self.tokens,
            "checkpoints": self.checkpoints,
            "switched_off": self.switched,
            "judging_seconds": round(self.judging, 1),
            "kill_seconds": {kind: round(seconds / self.kinds.count(kind), 2) for kind, seconds in self.took.items()},
            "kinds": dict(sorted(Counter(self.kinds).items())),
            "back_seconds": round(self.slowest, 2),
            "faults": self.faults,
        }
