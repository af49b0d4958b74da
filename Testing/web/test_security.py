"""The page answers its own browser alone, and elsewhere only to the link with the token."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("aiohttp", reason="the page is not installed: pip install 'osteoscreen[viewer]'")

from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer

from OsteoScreenLib.web.security import AddressError, Door, check_address, is_loopback

if TYPE_CHECKING:
    from aiohttp import ClientResponse

TOKEN = "a-long-token"


def asked(door: Door, ask: Callable[[ClientSession, str], Awaitable["ClientResponse"]]) -> "ClientResponse":
    """Return the answer of a page behind `door`."""

    async def run() -> "ClientResponse":
        app = web.Application(middlewares=[door.guard])
        app.router.add_get("/", lambda _: web.Response(text="page"))
        async with TestServer(app) as server, ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
            return await ask(client, f"http://127.0.0.1:{server.port}/")

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8080"}, 200),
        ({"Host": "rebound.example:8080"}, 403),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_this_machine_is_answered_and_a_foreign_page_is_not(headers: dict[str, str], status: int) -> None:
    answer = asked(Door("127.0.0.1", None), lambda client, url: client.get(url, headers=headers))
    assert answer.status == status


def test_the_browser_is_told_to_fetch_nothing_from_elsewhere() -> None:
    answer = asked(Door("127.0.0.1", None), lambda client, url: client.get(url))
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]


def test_others_need_the_token_and_keep_it_as_a_cookie() -> None:
    door = Door("0.0.0.0", TOKEN)
    assert asked(door, lambda client, url: client.get(url)).status == 403
    assert asked(door, lambda client, url: client.get(url + "?token=wrong")).status == 403

    async def by_link(client: ClientSession, url: str) -> "ClientResponse":
        answer = await client.get(url + f"?token={TOKEN}")
        assert TOKEN not in str(answer.url)
        assert answer.status == 200
        return await client.get(url)

    assert asked(door, by_link).status == 200


def test_a_door_to_others_has_a_token_and_its_link_shows_it() -> None:
    with pytest.raises(ValueError, match="token"):
        Door("0.0.0.0", None)
    assert Door("10.0.0.5", TOKEN).link(8080) == f"http://10.0.0.5:8080/?token={TOKEN}"
    assert Door("127.0.0.1", None).link(8080) == "http://127.0.0.1:8080/"
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_a_port_that_is_taken_and_a_host_that_is_not_ours_are_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(AddressError, match="Choose another"):
        check_address("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(AddressError, match=r"no\.such\.host"):
        check_address("no.such.host.invalid", 0)
    check_address("127.0.0.1", 0)
