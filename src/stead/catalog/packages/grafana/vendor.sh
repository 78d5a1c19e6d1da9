# Fetches files from their vendor and refuses what cannot be verified.
# shellcheck shell=bash

# fetch URL FILE
fetch() {
    curl -fsSL --proto '=https' --proto-redir '=https' --retry 3 --connect-timeout 20 --max-time 600 \
        -o "$2" "$1" || fail 2 "$1 cannot be fetched"
}

# verify_sum FILE URL: by the SHA-256 that the vendor publishes beside the file.
verify_sum() {
    local sums wanted
    sums=$(mktemp)
    fetch "$2" "$sums"
    wanted=$(grep -oE -m 1 '\b[0-9a-fA-F]{64}\b' "$sums" | head -n 1) || wanted=
    rm "$sums"
    [ -n "$wanted" ] || fail 2 "cannot verify: there is no SHA-256 in $2"
    [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" = "${wanted,,}" ] || fail 2 "cannot verify: the file is not the one that $2 describes"
}

# verify_signature FILE URL FINGERPRINT KEY_URL: by the vendor's key, wherever it was fetched from.
verify_signature() {
    local home said=
    home=$(mktemp -d)
    fetch "$2" "$home/signature"
    fetch "$4" "$home/key"
    gpg --homedir "$home" --batch --quiet --import "$home/key" 2>/dev/null || true
    said=$(gpg --homedir "$home" --batch --status-fd 1 --verify "$home/signature" "$1" 2>/dev/null) || said=
    rm -rf "$home"
    # The last word of VALIDSIG is the main key, whose fingerprint we know.
    grep -qE "^\[GNUPG:\] VALIDSIG .* $3\$" <<<"$said" || fail 2 "cannot verify: the signature $2 is not by the key $3"
}
