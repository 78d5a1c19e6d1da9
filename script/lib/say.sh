# shellcheck shell=bash
# What a person sees: one line per stage with the time it took; everything else goes to the log.

LOG_DIR=/var/log/stead
LOG=$LOG_DIR/quickstart.log
STAGE=0
STAGES=${STAGES:-0}
REASON=''
NEXT_STEP=''
DETAIL=''
WARNINGS=()

open_log() {
  made tree "$LOG_DIR"
  install -d -m 0755 "$LOG_DIR"
  printf '\n=== %s: quickstart %s\n' "$(date -u +%FT%TZ)" "$*" >>"$LOG"
  exec 3>&1
}

say() { printf '%s\n' "$*" >&3; }

warn() {
  WARNINGS+=("$*")
  printf 'warning: %s\n' "$*"
}

# die WHY [WHAT TO DO NEXT]: ends the run with a sentence that a person understands.
die() {
  REASON=$1
  NEXT_STEP=${2:-}
  exit 1
}

seconds_since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'; }

# stage TITLE COMMAND...: the command runs in this shell; it may set DETAIL to say what it found.
stage() {
  local title=$1 started=$EPOCHREALTIME
  shift
  STAGE=$((STAGE + 1))
  DETAIL=''
  printf '[%2d/%d] %-44s' "$STAGE" "$STAGES" "$title" >&3
  printf -- '--- %s\n' "$title" >>"$LOG"
  "$@" >>"$LOG" 2>&1
  printf '%6s s%s\n' "$(seconds_since "$started")" "${DETAIL:+  $DETAIL}" >&3
}

# To be called when the shell exits with status $1.
report_end() {
  [[ $1 == 0 ]] && return
  { true >&3; } 2>/dev/null || exec 3>&2
  if [[ -z $REASON ]]; then
    printf '\n\nThis step failed. The end of %s:\n' "$LOG" >&3
    awk '/^=== / { count = 0; delete line } { line[++count] = $0 } END { for (i = count - 19; i <= count; i++) if (i in line) print "  | " line[i] }' "$LOG" >&3
    NEXT_STEP=${NEXT_STEP:-"Running script/quickstart again continues where it stopped; --uninstall takes everything back."}
  else
    printf '\n\n%s\n' "$REASON" >&3
    printf 'failed: %s\n' "$REASON" >>"$LOG"
  fi
  [[ -z $NEXT_STEP ]] || printf '%s\n' "$NEXT_STEP" >&3
  [[ ! -e $LOG ]] || printf 'Details: %s\n' "$LOG" >&3
}

# until_true SECONDS COMMAND...: asks again until it succeeds; fails when the time is over.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}
