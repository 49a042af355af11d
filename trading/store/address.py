"""Where a database is, by its URL: a file, or a PostgreSQL server. The password is in no text that comes from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from trading.domain.errors import InvalidInput

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
PORT = 5432
ALLOWED = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME"
# What may follow the question mark: how the connection is secured, and a socket's folder in place of a host.
OPTIONS = frozenset({"host", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "channel_binding", "gssencmode"})


@dataclass(frozen=True)
class ServerAddress:
    """A database on a PostgreSQL server. password: None where libpq finds it elsewhere (`~/.pgpass`, PGPASSWORD)."""

    host: str
    port: int
    name: str
    user: str | None
    password: str | None = field(repr=False)
    options: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.name} on {self.host}:{self.port}"


def is_server(url: str) -> bool:
    """Whether the URL names a PostgreSQL server, rightly or not."""
    return url.partition(":")[0] in SCHEMES


def server_address(url: str) -> ServerAddress:
    """The parts of a `postgresql://` URL.

    Raises:
        InvalidInput: it is not a whole one. The URL is not in the message, since it may hold a password.
    """
    parts = _split(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    unknown = ", ".join(sorted(options.keys() - OPTIONS))
    if unknown:
        allowed = f"after the question mark only {', '.join(sorted(OPTIONS))}"
        raise InvalidInput("DATABASE_URL", f"…?{unknown}=…", allowed)
    host = parts.hostname or options.pop("host", "")
    name = unquote(parts.path.removeprefix("/"))
    if not host or not name or "/" in name:
        raise InvalidInput("DATABASE_URL", f"{parts.scheme}:…", ALLOWED)
    return ServerAddress(
        host=unquote(host),
        port=parts.port or PORT,
        name=name,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        options=options,
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in SCHEMES and parts.port != 0 and not parts.fragment:
            parse_qsl(parts.query, strict_parsing=bool(parts.query))
            return parts
    except ValueError:  # its text may quote the URL
        pass
    allowed = f"{ALLOWED} (in user and password, write @ : / ? # and % as %40 %3A %2F %3F %23 %25)"
    raise InvalidInput("DATABASE_URL", f"{url.partition(':')[0][:20]}:…", allowed)
