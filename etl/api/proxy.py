"""The proxy that the environment names for an address; asked only when the mapping says `proxy: true` (C33).

The usual variables are read: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in lower case first.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

import httpcore

from etl.errors import DestinationMisconfigured


def proxy_for(address: SplitResult, *, environment: Mapping[str, str]) -> httpcore.Proxy | None:
    """The proxy to reach `address` by, or None. Raises DestinationMisconfigured when it is not an `http://` one."""
    if _excluded(address.hostname or "", _variable("no_proxy", environment)):
        return None
    text = _variable(f"{address.scheme}_proxy", environment) or _variable("all_proxy", environment)
    if not text:
        return None
    try:
        proxy = urlsplit(text if "://" in text else f"http://{text}")
        port = proxy.port or 80
    except ValueError:
        proxy, port = None, 0
    # The password contains a slash, so what looks like the host is a part of the login.
    unclear = proxy is not None and "@" in f"{proxy.path}{proxy.query}{proxy.fragment}"
    if proxy is None or unclear or proxy.scheme != "http" or not proxy.hostname or not proxy.hostname.isascii():
        raise DestinationMisconfigured(
            "opening the API client: the proxy that the environment names is not an http:// address",
            hint="check HTTPS_PROXY, or set destination.proxy to false",
        )
    login = None
    if proxy.username is not None:
        login = (unquote(proxy.username).encode(), unquote(proxy.password or "").encode())
    return httpcore.Proxy(
        httpcore.URL(scheme=b"http", host=proxy.hostname.encode("ascii"), port=port, target=b"/"), auth=login
    )


def proxy_name(url: str, *, environment: Mapping[str, str]) -> str | None:
    """The proxy to reach `url` by, as `host:port` without its login; None without one. Raises as `proxy_for`."""
    proxy = proxy_for(urlsplit(url), environment=environment)
    return None if proxy is None else f"{proxy.url.host.decode()}:{proxy.url.port}"


def unused_proxy(url: str, *, environment: Mapping[str, str]) -> str | None:
    """The variable that names a proxy for `url`, for a mapping that uses none; None where no variable does."""
    address = urlsplit(url)
    if _excluded(address.hostname or "", _variable("no_proxy", environment)):
        return None
    names = (f"{address.scheme}_proxy", "all_proxy")
    return next((one for name in names for one in (name, name.upper()) if environment.get(one, "").strip()), None)


def _variable(name: str, environment: Mapping[str, str]) -> str:
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _excluded(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY names the host, a domain above it, or everything."""
    names = [name.strip().removeprefix("*").lstrip(".").lower() for name in no_proxy.split(",") if name.strip()]
    return any(name in ("", host) or host.endswith(f".{name}") for name in names)
