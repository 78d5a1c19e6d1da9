"""Brings Syncthing's config.xml up to date: settings.py FILE prints the whole document.

What people set up in the browser stays as it is.
"""

import crypt
import os
import sys
import xml.etree.ElementTree as ET

ROUNDS = 1024


def put(parent: ET.Element, name: str, text: str) -> None:
    """Set a child's text; one that is missing is added."""
    child = parent.find(name)
    if child is None:
        child = ET.SubElement(parent, name)
    child.text = text


def hashed(before: str, word: str) -> str:
    """Return the hash of a word; the one from before stays while it fits."""
    if before.startswith("$2") and crypt.crypt(word, before) == before:
        return before
    return crypt.crypt(word, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=ROUNDS))  # noqa: S324 - bcrypt is what it reads


tree = ET.parse(sys.argv[1])  # noqa: S314 - written by Syncthing and by us
root = tree.getroot()
gui = root.find("gui")
options = root.find("options")
if gui is None or options is None:
    sys.exit("config.xml has no gui and no options")
gui.set("enabled", "true")
gui.set("tls", "false")
put(gui, "address", "0.0.0.0:8384")
put(gui, "user", os.environ["USERNAME"])
put(gui, "password", hashed(gui.findtext("password") or "", os.environ["PASSWORD"]))
asks = "true" if os.environ.get("SEARCH_INTERNET") == "true" else "false"
for name in ("globalAnnounceEnabled", "relaysEnabled", "natEnabled"):
    put(options, name, asks)
for name in ("crashReportingEnabled", "startBrowser"):
    put(options, name, "false")
put(options, "urAccepted", "-1")
put(options, "autoUpgradeIntervalH", "0")
own = os.environ["DEVICE_ID"]
for device in root.iter("device"):
    if device.get("id") == own and device.get("name") is not None:
        device.set("name", os.environ["DEVICE_NAME"])
print(ET.tostring(root, encoding="unicode"))
