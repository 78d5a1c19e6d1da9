# shellcheck shell=bash
# The proof: an app from the catalog answers over HTTPS to a client that trusts nothing but the authority we print.

DEMO=welcome

ca_file() { echo "$DATA/ca.pem"; }

sign_in_cli() {
  [[ -d /root/.config/stead ]] || made tree /root/.config/stead
  [[ -s /root/.config/stead/config.toml ]] || "$COMMAND" admin cli-login
}

demo_answers() {
  local host=$DEMO.apps.$DOMAIN
  [[ $(curl -s -o /dev/null -m 5 -w '%{http_code}' --cacert "$(ca_file)" --resolve "$host:443:127.0.0.1" "https://$host/") == 200 ]]
}

deploy_demo() {
  sign_in_cli
  if ! demo_answers; then
    [[ ! -e $STATE_DIR/demo ]] || return 0
    "$COMMAND" deploy static-site --name "$DEMO"
    until_true 30 demo_answers ||
      die "https://$DEMO.apps.$DOMAIN was deployed but does not answer with 200." "See: stead list, and $LOG_DIR"
  fi
  touch "$STATE_DIR/demo"
  DETAIL="https://$DEMO.apps.$DOMAIN answered 200"
}

print_result() {
  local warning
  cat >&3 <<TEXT

Stead is running on this machine.

  Console      https://console.$DOMAIN
  Demo app     https://$DEMO.apps.$DOMAIN
  Sign in      $("$COMMAND" admin sign-in-link)
               (this link works once)
  Authority    $(ca_file)
               $(openssl x509 -in "$(ca_file)" -noout -fingerprint -sha256)
               import it into your browser, or: curl --cacert $(ca_file) https://$DEMO.apps.$DOMAIN

  Next app     stead deploy redis
  Stop, start  $ROOT/script/quickstart --stop, --start
  Uninstall    $ROOT/script/quickstart --uninstall
TEXT
  for warning in "${WARNINGS[@]}"; do say "  Note         $warning"; done
}
