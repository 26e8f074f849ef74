"""The sections and keys of the settings file, with their defaults."""

from __future__ import annotations

from datetime import timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, PrivateAttr, SecretStr, model_validator

from fhir_remission.settings.service import Service
from fhir_remission.settings.values import (
    Arguments,
    DatabaseUrl,
    Duration,
    File,
    HostNames,
    Hours,
    NoFile,
    Rate,
    Section,
    Share,
    SiteId,
    Types,
    Words,
    Zone,
)

NAMESPACE = "https://w3id.org/fhir-remission"


class Site(Section):
    """Who we are: goes into the identity of everything we write."""

    id: SiteId = ""
    timezone: Zone = "UTC"
    key_file: File = Path("site.key")
    namespace: str = ""
    decimal_comma: bool = False

    @property
    def zone(self) -> tzinfo:
        """The zone in which days begin and in which times without one are read."""
        return ZoneInfo(self.timezone)

    @property
    def base(self) -> str:
        """The namespace of our code systems and identifiers."""
        return (self.namespace or NAMESPACE).rstrip("/")


class Auth(Section):
    """How to log in. `secret` comes from the environment or a file, never from settings."""

    mode: Literal["none", "smart", "secret", "mtls", "basic", "header"] = "none"
    client_id: str = ""
    secret: SecretStr = SecretStr("")
    header: str = "Authorization"
    key_file: NoFile = None
    # Published by `jwks` before it is used, so that servers know it when it is.
    next_key_file: NoFile = None
    key_command: Arguments = ()
    key_id: str = ""
    cert_file: NoFile = None
    token_url: str = ""
    scopes: Words = ()


class Server(Section):
    """One FHIR server and how gently to use it."""

    base_url: str = ""
    profile: str = "auto"
    ca_bundle: NoFile = None
    proxy: str = Field(default="", repr=False)
    rewrite_origin: Words = ()
    connections: int = Field(default=2, ge=1, le=16)
    rate: Rate = 10.0
    connect_timeout: Duration = timedelta(seconds=5)
    read_timeout: Duration = timedelta(seconds=60)
    max_wait: Duration = timedelta(minutes=10)
    max_page_mib: int = Field(default=32, ge=1, le=1024)
    max_pages: int = Field(default=10_000, ge=1)
    allow_insecure: bool = False
    auth: Auth = Auth()


class Source(Server):
    """Where evidence is read."""

    # How changes are found; everybody is read whole at least every `reread`, and what our results
    # cite is looked for every `recheck`, because no server tells every edit and deletion.
    delta: Literal["auto", "_lastUpdated", "issued", "history", "none"] = "auto"
    whole_server: bool = False
    reread: Duration = timedelta(hours=24)
    recheck: Duration = timedelta(hours=6)
    # Whether its `Date` is its clock; ignored, everybody is read whole in each run.
    date: Literal["trust", "ignore"] = "trust"
    # Results that the search did not bring: those that panels name, or reports as well.
    members: Literal["all", "panels"] = "all"
    # Where files of an export may lie besides the server: its object store, as host or host:port.
    export_hosts: HostNames = ()
    # Paths of the server beside its base address on which its exports lie, as Epic's BulkRequest:
    # only there and below the base does a token go, and is anything deleted.
    export_paths: Words = ()
    # Types that are never to be had here: not asked for, and told in every answer.
    without: Types = ()


class Cohort(Section):
    """Which patients."""

    kind: Literal["list", "group", "condition", "observation"] = "list"
    file: File = Path("cohort.csv")
    group: str = ""


class Evidence(Section):
    """What silence means at this site."""

    absence_proves: Words = ()
    rejected_specimens_are_cancelled: bool = False
    """A result never stands whose specimen was rejected: no Specimen needs to say so."""


class Criteria(Section):
    """By which published criteria."""

    sets: Words = ("eln-2022",)
    accept_routine: Words = ()
    strict: bool = False


class Mappings(Section):
    """The site's own rows."""

    dir: NoFile = None


class Sink(Server):
    """Where results go; an empty `base_url` means the source."""

    kind: Literal["repository", "ehr-observation", "ndjson", "dry-run"] = "dry-run"
    resources: Words = ("ClinicalImpression", "Observation", "Provenance")
    references: Literal["local", "logical"] = "local"
    # How a patient of the source is found at a server of its own.
    patients: Literal["same-id", "match", "stub"] = "same-id"
    patient_system: str = ""
    signer: str = ""
    file: NoFile = None

    @model_validator(mode="after")
    def _patients_can_be_found(self) -> Self:
        if self.patients == "same-id":
            return self
        chosen = f"patients = {self.patients}"
        if not self.base_url:
            raise ValueError(f"{chosen} is for a server of its own: set base_url, or leave it out")
        if not self.patient_system:
            raise ValueError(
                f"{chosen} needs patient_system: the identifier system that both servers know"
            )
        if self.references != "logical":
            raise ValueError(
                f"{chosen} needs references = logical: the evidence is not on that server"
            )
        return self


class Write(Section):
    """How much may be written."""

    which: Literal["current", "history"] = "current"
    max_changed_share: Share = Decimal("0.2")
    # Sites of version 0.1.0 on the same server take results of other sites for their own.
    beside_old_sites: bool = False
    # Where a server keeps no versions: write nothing over what stands, or compare and hope.
    unversioned: Literal["park", "compare"] = "park"
    # What a retracted run wrote stays away until its evidence changes, or comes back.
    retracted: Literal["hold", "redo"] = "hold"
    # How often all that we wrote is looked for; a sample is in every run.
    recheck: Duration = timedelta(hours=24)


class State(Section):
    """Where runs remember."""

    url: DatabaseUrl = "sqlite:///state.db"


class Run(Section):
    """When, and for how long."""

    max_runtime: Duration = timedelta(minutes=45)
    allowed_hours: Hours = None
    fail_on: Literal["incomplete", "failed", "never"] = "incomplete"


class Log(Section):
    """What goes to stderr."""

    format: Literal["auto", "json", "text"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Audit(Section):
    """Who read and wrote which patient, append-only."""

    file: File = Path("audit.jsonl")


class Settings(Section):
    """All of it: one frozen value."""

    site: Site = Site()
    source: Source = Source()
    cohort: Cohort = Cohort()
    evidence: Evidence = Evidence()
    criteria: Criteria = Criteria()
    mappings: Mappings = Mappings()
    sink: dict[str, Sink] = Field(default={})
    write: Write = Write()
    state: State = State()
    run: Run = Run()
    log: Log = Log()
    audit: Audit = Audit()
    service: Service = Service()
    _shown: tuple[tuple[str, str, str], ...] = PrivateAttr(default=())

    def shown(self) -> tuple[tuple[str, str, str], ...]:
        """Every key with its value (secrets masked) and where it came from."""
        return self._shown
