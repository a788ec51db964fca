"""The static files, for everybody: they hold nothing secret."""

from http import HTTPStatus

from fastapi import APIRouter, HTTPException, Response

from ingest.pages.static_files import find_static_file

router = APIRouter(prefix="/static")


@router.get("/{name}")
def show_static_file(name: str, v: str = "") -> Response:
    """Answer a static file; `v` is the version that its address names."""
    file = find_static_file(name)
    if file is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return Response(file.content, media_type=file.content_type, headers=file.headers(v))
