# shellcheck shell=bash
# The proof: an app from the catalog answers over HTTPS to a client that trusts nothing but the authority we print.

DEMO=welcome

ca_file() { echo "$DATA/ca.pem"; }

sign_in_cli() {
  [[ -d /root/.config/stead ]] || made tree /root/.config/stead
  [[ -s /root/.config/stead/config.toml ]] || "$COMMAND" admin cli-login
}

demo_answers() { answers_200 "$DEMO.apps.$DOMAIN" /; }

demo_is_known() { "$COMMAND" list --json | grep -qE "\"name\": *\"$DEMO\""; }

# Whoever removed the demo does not get it back.
deploy_demo() {
  sign_in_cli
  if [[ $ENGINE == simulator ]]; then
    deploy_simulated
    return
  fi
  DETAIL="https://$DEMO.apps.$DOMAIN answers 200"
  demo_answers && return
  if ! demo_is_known; then
    if [[ -e $STATE_DIR/demo ]]; then
      DETAIL='was removed'
      return
    fi
    "$COMMAND" deploy static-site --name "$DEMO"
  fi
  until_true 30 demo_answers ||
    die "https://$DEMO.apps.$DOMAIN does not answer with 200." "See: stead show $DEMO; and the log in $LOG_DIR"
  touch "$STATE_DIR/demo"
}

# It goes through every step, and nothing serves it.
deploy_simulated() {
  DETAIL="$DEMO is shown as live"
  if ! demo_is_known && [[ ! -e $STATE_DIR/demo ]]; then "$COMMAND" deploy static-site --name "$DEMO"; fi
  touch "$STATE_DIR/demo"
}

print_demo() {
  if [[ $ENGINE == simulator ]]; then
    echo "  Engine       a simulator: apps pass through every step, and none of them runs"
  else
    echo "  Demo app     https://$DEMO.apps.$DOMAIN"
  fi
}

print_result() {
  local warning
  cat >&3 <<TEXT

Stead is running on this machine.

  Console      https://console.$DOMAIN
$(print_demo)
  Sign in      $("$COMMAND" admin sign-in-link)
               (this link works once)
  Authority    $(ca_file)
               $(openssl x509 -in "$(ca_file)" -noout -fingerprint -sha256)
               import it into your browser, or: curl --cacert $(ca_file) https://console.$DOMAIN

  Next app     stead deploy redis
  Stop, start  $ROOT/script/quickstart --stop, --start
  Uninstall    $ROOT/script/quickstart --uninstall
TEXT
  for warning in "${WARNINGS[@]}"; do say "  Note         $warning"; done
}
