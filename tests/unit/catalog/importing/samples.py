"""Scripts of our own in the style that is imported, as a checkout would hold them."""

import json
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTAINER = """\
#!/usr/bin/env bash
source <(curl -fsSL https://scripts.example.org/misc/build.func)
# Copyright (c) 2024 Example
# Author: Ada Example
# License: MIT

APP="Paper Shelf"
var_tags="${var_tags:-documents;archive}"
var_cpu="${var_cpu:-2}"
var_ram="${var_ram:-2048}"
var_disk="${var_disk:-8}"
var_os="${var_os:-debian}"
var_version="${var_version:-12}"
var_unprivileged="${var_unprivileged:-1}"

header_info "$APP"
variables
function update_script() {
  msg_info "Updating"
  exit
}
start
build_container
echo -e "${TAB}${GATEWAY}${BGN}http://${IP}:8096/shelf${CL}"
"""
INSTALL = """\
#!/usr/bin/env bash

# Copyright (c) 2024 Example
# Author: Ada Example
# License: MIT

source /dev/stdin <<<"$FUNCTIONS_FILE_PATH"
color
verb_ip6
catch_errors
setting_up_container
network_check
update_os

msg_info "Installing Dependencies"
$STD apt-get install -y nginx
msg_ok "Installed Dependencies"

read -r -p "${TAB3}Would you like to add the search? <y/N> " prompt
if [[ ${prompt,,} =~ ^(y|yes)$ ]]; then
  $STD apt-get install -y ripgrep
fi
read -rp "Install thumbnails? [Y/n]: " prompt
read -r -p "Name of the shelf: " SHELF
read -rsp "Admin password: " ADMIN

NODE_VERSION="22" setup_nodejs
fetch_and_deploy_gh_release "shelf" "example/shelf"
curl -fsSL https://get.example.org | bash
cat <<EOF >/etc/shelf.conf
read -r -p "this is no prompt" text
name=$SHELF
EOF

motd_ssh
customize
"""


def checkout(folder: Path, *, container: str = CONTAINER, install: str = INSTALL) -> Path:
    """Write a checkout and return the path of its install script."""
    git = folder / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs/heads/main").write_text(f"{COMMIT}\n")
    for name, text in {
        "install/paper-shelf-install.sh": install,
        "ct/paper-shelf.sh": container,
        "frontend/public/json/paper-shelf.json": json.dumps(
            {
                "description": "Keeps papers.\nAll of them.",
                "default_credentials": {"username": "admin", "password": "changeme"},
            }
        ),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "install/paper-shelf-install.sh"
