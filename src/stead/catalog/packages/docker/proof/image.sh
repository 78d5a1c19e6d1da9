#!/bin/bash
set -euo pipefail
# A container's system without any registry: this machine's own shell.
# shellcheck shell=bash

make_image() {
    docker image inspect proof >/dev/null 2>&1 && return
    local root
    root=$(mktemp -d)
    mkdir -p "$root"/{bin,lib64,lib/x86_64-linux-gnu}
    cp -L /bin/sh /bin/cat "$root/bin/"
    cp -L /lib64/ld-linux-*.so.* "$root/lib64/"
    cp -L "$(ldd /bin/sh | awk '/libc.so/ { print $3 }')" "$root/lib/x86_64-linux-gnu/"
    tar -C "$root" -c . | docker import - proof >/dev/null
    rm -rf "$root"
}
