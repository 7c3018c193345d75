"""Every metric: its name, its kind, its labels, and how the figures of several workers become one.

No label holds what a stranger can choose: tenants, countries and codes come from our configuration and our tables.
Everything else is `other`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Across = Literal["livesum", "livemax", "livemin"]
Metric = Counter | Gauge | Histogram


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. `across` says, for a gauge, how living workers' figures become one, in prometheus_client's words."""

    name: str
    kind: type[Metric]
    text: str
    labels: tuple[str, ...] = ()
    across: Across = "livesum"

    def make(self, registry: CollectorRegistry) -> Metric:
        """The metric in which one process counts."""
        if self.kind is Gauge:
            return Gauge(self.name, self.text, self.labels, registry=registry, multiprocess_mode=self.across)
        if self.kind is Histogram:
            return Histogram(self.name, self.text, self.labels, registry=registry, buckets=SECONDS)
        return Counter(self.name, self.text, self.labels, registry=registry)


# From a tenth of a millisecond, which is fast here, to ten seconds, which no citizen waits
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
TENANT = ("tenant",)

LOGINS = "ciconia_logins"
REFUSALS = "ciconia_refusals"
OVERASKED = "ciconia_overasked"
VERIFICATION = "ciconia_verification_seconds"
COMMIT = "ciconia_commit_seconds"
AT_WORK = "ciconia_admission_at_work"
WAITING = "ciconia_admission_waiting"
TURNED_AWAY = "ciconia_admission_refused"
LIMITED = "ciconia_limited"
REGISTERS = "ciconia_register_answers"
REGISTER_SECONDS = "ciconia_register_seconds"
LOGOUTS = "ciconia_logouts"
DISOWNED = "ciconia_disowned"
STAGED = "ciconia_ledger_staged"
OLDEST_STAGED = "ciconia_ledger_oldest_staged_seconds"
UNSIGNED = "ciconia_ledger_unsigned"
CHECKPOINT = "ciconia_ledger_checkpoint_timestamp_seconds"
COSIGNED = "ciconia_witness_cosigned_timestamp_seconds"
KEY_ENDS = "ciconia_key_ends_timestamp_seconds"
METADATA_ENDS = "ciconia_metadata_ends_timestamp_seconds"
FEDERATION_ENDS = "ciconia_federation_ends_timestamp_seconds"
FEDERATION_REFUSED = "ciconia_federation_refused"
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
    Family(LOGINS, Counter, "Steps that logins came to.", (*TENANT, "state", "country")),
    Family(REFUSALS, Counter, "What was refused, by code and failed check.", (*TENANT, "code", "check")),
    Family(OVERASKED, Counter, "Attributes that a service may not get as asked.", (*TENANT, "client", "attribute")),
    Family(VERIFICATION, Histogram, "Judging an answer and deciding.", TENANT),
    Family(COMMIT, Histogram, "Making a unit durable.", TENANT),
    Family(AT_WORK, Gauge, "Requests at work.", TENANT),
    Family(WAITING, Gauge, "Requests that wait for a place, by lane.", (*TENANT, "lane")),
    Family(TURNED_AWAY, Counter, "Requests answered 503 since the queue was full.", (*TENANT, "lane")),
    Family(LIMITED, Counter, "Requests answered 429, by limit.", (*TENANT, "limit")),
    Family(REGISTERS, Counter, "Questions to a register, by what came of them.", (*TENANT, "register", "outcome")),
    Family(REGISTER_SECONDS, Histogram, "How long citizens waited for a register.", (*TENANT, "register")),
    Family(LOGOUTS, Counter, "Tries to tell services of a logout or an event, by outcome.", (*TENANT, "outcome")),
    Family(DISOWNED, Counter, "Sign-ins of which the person said that they did not make them.", TENANT),
    Family(STAGED, Gauge, "Leaves that wait for the sequencer.", TENANT, "livemax"),
    Family(OLDEST_STAGED, Gauge, "Age of the leaf that waits longest.", TENANT, "livemax"),
    Family(UNSIGNED, Gauge, "Leaves that no checkpoint covers.", TENANT, "livemax"),
    Family(CHECKPOINT, Gauge, "When the newest checkpoint was signed.", TENANT, "livemax"),
    Family(COSIGNED, Gauge, "When a witness cosigned last; 0: never.", (*TENANT, "witness"), "livemax"),
    Family(KEY_ENDS, Gauge, "When the certificate of a key ends.", (*TENANT, "key"), "livemin"),
    Family(METADATA_ENDS, Gauge, "When the metadata of a country ends.", (*TENANT, "country"), "livemin"),
    Family(FEDERATION_ENDS, Gauge, "When what is held of a federation ends.", (*TENANT, "federation"), "livemin"),
    Family(FEDERATION_REFUSED, Gauge, "Refused fetches of a federation in a row.", (*TENANT, "federation"), "livemax"),
    Family(AVAILABLE, Gauge, "Whether citizens are sent to a country.", (*TENANT, "country"), "livemin"),
    Family(SWITCHED_OFF, Gauge, "What an operator switched off.", (*TENANT, "kind"), "livemax"),
    Family(DATABASE, Gauge, "Whether the database answers.", TENANT, "livemax"),
    Family(CLOCK_APART, Gauge, "How far this machine's clock and the database's are apart.", TENANT, "livemax"),
    Family(READY, Gauge, "Whether a worker can serve this tenant.", TENANT, "livemax"),
    Family(BROKEN, Gauge, "Whether a worker has closed this tenant, by why.", (*TENANT, "why"), "livemax"),
    Family(SHARED_LIMITS, Gauge, "Whether Valkey answers.", TENANT, "livemin"),
    Family(LOG, Gauge, "Whether lines of the log can be written.", TENANT, "livemin"),
    Family(UNFORESEEN, Counter, "Requests that ended in what nobody foresaw.", TENANT),
    Family(BUILD, Gauge, "1, with the version of the program.", ("version",), "livemax"),
    Family(WORKERS, Gauge, "Worker processes, wanted and alive.", ("which",), "livemax"),
    Family(DROPPED, Counter, "Series for which there was no room."),
)
# Gauges that hold until when a worker vouches for something, by the monotonic clock, which all processes of a machine
# share. They are shown as 1 or 0: a worker that hangs soon vouches for nothing
MOMENTS = (DATABASE, READY)
FAMILIES: Mapping[str, Family] = {family.name: family for family in _ALL}
