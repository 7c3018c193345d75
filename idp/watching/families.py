"""Every metric: name, kind, labels, and how the figures of several workers become one.

No label holds what a stranger can choose: tenants, countries and codes are of our configuration and of our tables. What is
neither is `other`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a metric is, in Prometheus' words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Across(StrEnum):
    """How the figures of all workers become one. `FRESH`: 1 where one is a moment still to come and none `DENIED`.

    Such a moment is of the monotonic clock, which all processes of a machine share: a worker that hangs says nothing good.
    """

    SUM = "sum"
    MAX = "max"
    MIN = "min"
    FRESH = "fresh"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. `buckets` are the upper bounds of a histogram, in seconds."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    across: Across = Across.SUM
    buckets: tuple[float, ...] = ()


# From a tenth of a millisecond, which is fast here, to ten seconds, which no citizen waits
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
TENANT = ("tenant",)
# A worker answers for this tenant that it is closed: whoever asks cannot choose another worker
DENIED = -1.0

LOGINS = "ciconia_logins"
REFUSALS = "ciconia_refusals"
VERIFICATION = "ciconia_verification_seconds"
COMMIT = "ciconia_commit_seconds"
AT_WORK = "ciconia_admission_at_work"
WAITING = "ciconia_admission_waiting"
TURNED_AWAY = "ciconia_admission_refused"
LIMITED = "ciconia_limited"
STAGED = "ciconia_ledger_staged"
OLDEST_STAGED = "ciconia_ledger_oldest_staged_seconds"
UNSIGNED = "ciconia_ledger_unsigned"
CHECKPOINT = "ciconia_ledger_checkpoint_timestamp_seconds"
KEY_ENDS = "ciconia_key_ends_timestamp_seconds"
METADATA_ENDS = "ciconia_metadata_ends_timestamp_seconds"
AVAILABLE = "ciconia_country_available"
SWITCHED_OFF = "ciconia_switched_off"
DATABASE = "ciconia_database_reachable"
CLOCK_APART = "ciconia_clock_apart_seconds"
READY = "ciconia_ready"
BROKEN = "ciconia_tenant_broken"
SHARED_LIMITS = "ciconia_shared_limits_reachable"
LOG = "ciconia_log_writable"
UNFORESEEN = "ciconia_unforeseen"
BUILD = "ciconia_build"
WORKERS = "ciconia_workers"
DROPPED = "ciconia_series_dropped"

_ALL = (
    Family(LOGINS, Kind.COUNTER, "Steps that logins came to.", (*TENANT, "state", "country")),
    Family(REFUSALS, Kind.COUNTER, "What was refused, by code and failed check.", (*TENANT, "code", "check")),
    Family(VERIFICATION, Kind.HISTOGRAM, "Judging an answer and deciding.", TENANT, buckets=SECONDS),
    Family(COMMIT, Kind.HISTOGRAM, "Making a unit durable.", TENANT, buckets=SECONDS),
    Family(AT_WORK, Kind.GAUGE, "Requests at work.", TENANT),
    Family(WAITING, Kind.GAUGE, "Requests that wait for a place, by lane.", (*TENANT, "lane")),
    Family(TURNED_AWAY, Kind.COUNTER, "Requests answered 503 since the queue was full.", (*TENANT, "lane")),
    Family(LIMITED, Kind.COUNTER, "Requests answered 429, by limit.", (*TENANT, "limit")),
    Family(STAGED, Kind.GAUGE, "Leaves that wait for the sequencer.", TENANT, Across.MAX),
    Family(OLDEST_STAGED, Kind.GAUGE, "Age of the leaf that waits longest.", TENANT, Across.MAX),
    Family(UNSIGNED, Kind.GAUGE, "Leaves that no checkpoint covers.", TENANT, Across.MAX),
    Family(CHECKPOINT, Kind.GAUGE, "When the newest checkpoint was signed.", TENANT, Across.MAX),
    Family(KEY_ENDS, Kind.GAUGE, "When the certificate of a key ends.", (*TENANT, "key"), Across.MIN),
    Family(METADATA_ENDS, Kind.GAUGE, "When the metadata of a country ends.", (*TENANT, "country"), Across.MIN),
    Family(AVAILABLE, Kind.GAUGE, "Whether citizens are sent to a country.", (*TENANT, "country"), Across.MIN),
    Family(SWITCHED_OFF, Kind.GAUGE, "What an operator switched off.", (*TENANT, "kind"), Across.MAX),
    Family(DATABASE, Kind.GAUGE, "Whether the database answers.", TENANT, Across.FRESH),
    Family(CLOCK_APART, Kind.GAUGE, "How far this machine's clock and the database's are apart.", TENANT, Across.MAX),
    Family(READY, Kind.GAUGE, "Whether a worker can serve this tenant.", TENANT, Across.FRESH),
    Family(BROKEN, Kind.GAUGE, "Whether a worker has closed this tenant, by why.", (*TENANT, "why"), Across.MAX),
    Family(SHARED_LIMITS, Kind.GAUGE, "Whether Valkey answers.", TENANT, Across.MIN),
    Family(LOG, Kind.GAUGE, "Whether lines of the log can be written.", TENANT, Across.MIN),
    Family(UNFORESEEN, Kind.COUNTER, "Requests that ended in what nobody foresaw.", TENANT),
    Family(BUILD, Kind.GAUGE, "1, with the version of the program.", ("version",), Across.MAX),
    Family(WORKERS, Kind.GAUGE, "Worker processes, wanted and alive.", ("which",), Across.MAX),
    Family(DROPPED, Kind.COUNTER, "Series for which there was no room."),
)
FAMILIES: Mapping[str, Family] = {family.name: family for family in _ALL}
