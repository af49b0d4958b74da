"""What goes over plain HTTP: files that the person drops on the page, and files that the page hands out."""

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aiohttp import BodyPartReader, web

from OsteoScreenLib.errors import OsteoScreenError
from OsteoScreenLib.web.uploads import MAX_UPLOAD, receive, too_large

UPLOAD, DOWNLOAD = "/upload/{kind}", "/download/{key}/{name}"

Take = Callable[[list[Path]], Awaitable[None]]
"""What is done with files that have arrived."""


class Files:
    """The page's way in and out for files; they lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._takers: dict[str, Take] = {}
        self._offered: dict[str, tuple[Path, bool]] = {}

    def take(self, kind: str, take: Take) -> None:
        """Have uploads of a kind given to `take`; they are removed when it is done."""
        self._takers[kind] = take

    def offer(self, path: Path, shown: bool = False) -> str:
        """Return the address from which the browser can load a file: to keep it, or to have it `shown` in the page."""
        key = secrets.token_urlsafe(12)
        self._offered[key] = path, shown
        return f"download/{key}/{path.name}"

    def add_routes(self, app: web.Application) -> None:
        """Listen for uploads and downloads."""
        app.router.add_post(UPLOAD, self._upload)
        app.router.add_get(DOWNLOAD, self._download)

    async def _upload(self, request: web.Request) -> web.Response:
        take = self._takers.get(request.match_info["kind"])
        if take is None:
            raise web.HTTPNotFound
        folder = Path(tempfile.mkdtemp(prefix="upload-", dir=self._folder))
        try:
            if (request.content_length or 0) > MAX_UPLOAD:
                raise too_large(request.content_length)
            await take(await receive(_parts(request), folder))
        except OsteoScreenError as error:
            return web.Response(status=422, text=" ".join(str(error).split()))
        except OSError as error:
            return web.Response(status=507, text=f"The files cannot be kept: {error.strerror}. Make room on the disk.")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return web.Response(text="")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        path, shown = self._offered.get(request.match_info["key"], (None, False))
        if path is None or not path.is_file():
            raise web.HTTPNotFound
        if shown:
            return web.FileResponse(path)
        response = web.FileResponse(path, headers={"Content-Disposition": f'attachment; filename="{path.name}"'})
        response.content_type = "application/octet-stream"
        return response


async def _parts(request: web.Request) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    if not request.content_type.startswith("multipart/"):
        return
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.filename:
            yield part.filename, _chunks(part)


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(2**18):
        yield chunk
