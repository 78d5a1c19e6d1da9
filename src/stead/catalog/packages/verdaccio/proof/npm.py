"""Does what npm does: npm.py publish, or npm.py read; the package says $MARKER of itself."""

import base64
import hashlib
import io
import json
import os
import sys
import tarfile
import urllib.request

REGISTRY = f"http://{os.environ['ADDRESS']}:4873"
NAME, VERSION = "stead-proof", "1.0.0"
MARKER = os.environ["MARKER"]
WHO = base64.b64encode(f"{os.environ['USERNAME']}:{os.environ['PASSWORD']}".encode()).decode()


def fetch(path: str, body: object = None) -> bytes:
    """Ask as the user."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Basic {WHO}", "Content-Type": "application/json"}
    request = urllib.request.Request(
        REGISTRY + path, data, headers, method="PUT" if data else "GET"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def packed() -> bytes:
    """Return the package as npm packs it."""
    text = json.dumps({"name": NAME, "version": VERSION, "description": MARKER}).encode()
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    return sink.getvalue()


def publish() -> None:
    """Publish the package."""
    data, file = packed(), f"{NAME}-{VERSION}.tgz"
    digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
    dist = {"tarball": f"{REGISTRY}/{NAME}/-/{file}", "integrity": f"sha512-{digest}"}
    version = {"name": NAME, "version": VERSION, "description": MARKER, "dist": dist}
    attached = {
        "content_type": "application/octet-stream",
        "data": base64.b64encode(data).decode(),
        "length": len(data),
    }
    said = {
        "_id": NAME,
        "name": NAME,
        "description": MARKER,
        "dist-tags": {"latest": VERSION},
        "versions": {VERSION: version},
        "_attachments": {file: attached},
    }
    fetch(f"/{NAME}", said)


def read() -> None:
    """Fetch the package back, with what it holds."""
    found = json.loads(fetch(f"/{NAME}"))["versions"][VERSION]
    data = fetch(f"/{NAME}/-/{NAME}-{VERSION}.tgz")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        inside = archive.extractfile("package/package.json")
        kept = json.loads(inside.read())["description"] if inside else ""
    sys.exit(not kept == found["description"] == MARKER)


publish() if sys.argv[1] == "publish" else read()
