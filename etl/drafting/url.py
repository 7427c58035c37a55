"""What of a database's URL may stand in a file.

The rule: a password never does, nor anything in the URL that might be one.
"""

from __future__ import annotations

import sqlalchemy as sa
import sqlalchemy.exc

from etl.drafting.write import quoted
from etl.errors import UsageProblem

VARIABLE = "SOURCE_DATABASE_URL"
# Parameters of URLs that hold no secret, whatever their value.
_HARMLESS = frozenset(
    {"application_name", "charset", "client_encoding", "connect_timeout", "mode", "sslmode", "ssl_mode", "timeout"}
)


def url_for_file(url: str) -> tuple[str, str]:
    """`url` as the file may hold it, and why.

    Raises:
        UsageProblem: it is not a URL.
    """
    try:
        parsed = sa.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise UsageProblem(
            "URL is not a database URL", hint="for example postgresql://user@host/shop or sqlite:///shop.db"
        ) from None
    if parsed.password is not None or any(name.lower() not in _HARMLESS for name in parsed.query):
        return f"${{{VARIABLE}}}", "a variable, since the URL holds a password or what may be one"
    if parsed.get_backend_name() == "sqlite":
        is_absolute = (parsed.database or "").startswith("/")
        return quoted(url), "" if is_absolute else "a relative path counts from the folder of the call"
    return quoted(url), "it holds no password; better a variable, ${SOURCE_DATABASE_URL}"
