"""Who may talk to the page: this machine alone, or whoever holds the link with the token.

Any page that a browser shows can send requests to 127.0.0.1, and a name server can make a foreign name mean 127.0.0.1.
So requests must name the page's own address in Host, and in Origin where there is one.
"""

import hmac
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp import web

from OsteoScreenLib.errors import OsteoScreenError


class AddressError(OsteoScreenError):
    """The page cannot listen where it was told to."""


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Door:
    """The rule for a page that listens on `host`; a `token` is needed wherever others can reach it."""

    host: str
    token: str | None

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise ValueError("a page that others can reach needs a token")

    def link(self, port: int) -> str:
        """Return the address to open, with the token in it."""
        host = socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{port}/" + (f"?token={self.token}" if self.token else "")

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request only if it comes through the door; the link's token becomes a cookie."""
        if not self._own_address(request):
            return _refused("This page answers only at the address that osteoscreen view printed.")
        if self.token is None:
            return _closed(await handler(request))
        cookie = f"osteoscreen-{request.url.port}"
        if _same(request.query.get("token"), self.token):
            response = web.HTTPFound(request.url.with_query(None).relative())
            response.set_cookie(cookie, self.token, httponly=True, samesite="Strict")
            return response
        if not _same(request.cookies.get(cookie), self.token):
            return _refused("Open the whole link that osteoscreen view printed: it ends with a token.")
        return _closed(await handler(request))

    def _own_address(self, request: web.Request) -> bool:
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            return False
        return self.token is not None or is_loopback(_name_of(request.host))


def check_address(host: str, port: int) -> None:
    """Raise `AddressError` where nothing can listen on that address."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise AddressError(f"Cannot listen on {host}, port {port}: {error.strerror}. Choose another.") from error


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address means this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    return host[1:].partition("]")[0] if host.startswith("[") else host.rpartition(":")[0] or host


def _same(given: str | None, token: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), token.encode())


def _refused(message: str) -> web.Response:
    return web.Response(status=403, text=message + "\n")


def _closed(response: web.StreamResponse) -> web.StreamResponse:
    """Tell the browser to fetch nothing from elsewhere and to show the page in no other page."""
    if not response.prepared:
        response.headers["Content-Security-Policy"] = (
            "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data: ws: wss:; "
            "form-action 'self'; frame-ancestors 'self'"
        )
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
    return response
