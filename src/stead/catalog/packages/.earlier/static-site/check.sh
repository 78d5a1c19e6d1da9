#!/bin/bash
set -euo pipefail

# Fetches the page the way a browser does and compares it with the one on disk.
fetch() {
    exec 3<>/dev/tcp/127.0.0.1/80
    printf 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
    cat <&3
}
export -f fetch

answer=$(timeout 5 bash -c fetch) || {
    echo "nginx does not answer on port 80" >&2
    exit 1
}
[[ $answer == "HTTP/1.1 200 "* ]] || {
    echo "nginx answered ${answer%%$'\r'*}" >&2
    exit 1
}
[[ ${answer#*$'\r\n\r\n'} == "$(<"/var/www/stead-site/index.html")" ]] || {
    echo "nginx serves another page" >&2
    exit 1
}
echo "the page is served"
