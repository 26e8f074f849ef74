"""The sections of the HTTP service: where it listens, who may call, whom it is known to."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from fhir_remission.settings.values import Duration, NoFile, Rate, Section, Words


class Trusted(Section):
    """Who signs tokens that open the service, for whom, and the keys to check them with."""

    issuer: str = ""
    audience: Words = ()
    jwks_file: NoFile = None
    jwks_url: str = ""
    # Scopes that open it besides system/*.r.
    scopes: Words = ()


class Hooks(Trusted):
    """CDS Hooks: whose tokens, which servers evidence may be read from, which pages may call."""

    fhir_servers: Words = ()
    origins: Words = ()


class Subscriptions(Section):
    """Wake-up calls of the source: where it sends them, and the secrets that prove them."""

    url: str = ""
    secret_file: NoFile = None
    lasting: Duration = timedelta(hours=168)


class OpenHim(Section):
    """The core of an OpenHIM at which `serve --openhim` registers, and its login there."""

    url: str = ""
    username: str = ""
    password_file: NoFile = None
    ca_file: NoFile = None


class Service(Section):
    """The HTTP service: where it listens, who may call it, and how much it takes at once."""

    bind: str = "127.0.0.1:8080"
    # How callers reach it, where a proxy stands before it: part of what tokens are made out to.
    public_url: str = ""
    workers: int = Field(default=1, ge=1, le=64)
    threads: int = Field(default=4, ge=1, le=64)
    write: bool = False
    max_body_mib: int = Field(default=16, ge=1, le=1024)
    body_time: Duration = timedelta(seconds=10)
    answer_time: Duration = timedelta(seconds=25)
    # Requests of one caller.
    rate: Rate = 50.0
    # The printed lines of the last run, or the folder of `archive`: what /cohort shows.
    results: NoFile = None
    # A file with a name, a key and scopes a line.
    keys_file: NoFile = None
    cert_file: NoFile = None
    cert_key_file: NoFile = None
    client_ca_file: NoFile = None
    # Addresses of proxies that have made sure of the caller, and the header that names it.
    proxies: Words = ()
    proxy_header: str = ""
    jwt: Trusted = Trusted()
    hooks: Hooks = Hooks()
    subscriptions: Subscriptions = Subscriptions()
    openhim: OpenHim = OpenHim()
