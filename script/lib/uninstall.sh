# shellcheck shell=bash
# Takes back everything in the record, in the reverse order of need, and nothing else.

confirm_uninstall() {
  local answer=''
  [[ $YES == no ]] || return 0
  [[ -t 0 ]] || die "Uninstalling deletes all apps and data of Stead on this machine." "Add --yes to confirm."
  printf 'This deletes all apps and data of Stead on this machine. Type "yes" to continue: ' >&3
  read -r answer
  [[ $answer == yes ]] || die "Nothing was changed."
}

uninstall_services() {
  stop_services
  if has_systemd; then
    systemctl disable -q "${SERVICES[@]}" 2>/dev/null || true
  fi
}

uninstall_incus() {
  local name
  command -v incus >/dev/null || return 0
  remove_from_incus
  if is_made package incus-base && [[ $(guests_of_others) != 0 ]]; then
    warn "Incus stays: it runs guests that are not Stead's."
    KEEP_INCUS=yes
    return
  fi
  if ! is_made package incus-base; then
    stop_own_daemon
    return
  fi
  incus network list -f csv -c nm | sed -n 's/,YES$//p' | xargs -r -n 1 incus network delete || true
  if has_systemd; then
    systemctl stop incus.service incus.socket
    systemctl stop lxcfs.service 2>/dev/null || true
  else
    stop_incus_daemon
  fi
  nft list tables 2>/dev/null | awk '$3 == "incus" { print $2, $3 }' | while read -r name; do
    # shellcheck disable=SC2086  # family and name are two words
    nft delete table $name
  done
  for name in guestapi shmounts; do umount -l "/var/lib/incus/$name" 2>/dev/null || true; done
}

stop_own_daemon() { if made_any incus-daemon; then stop_incus_daemon; fi; }

uninstall_packages() {
  if [[ ${KEEP_INCUS:-no} == yes ]]; then return; fi
  release_services
  remove_packages
  if is_made package incus-base; then
    rm -rf --one-file-system /var/lib/incus /var/log/incus /var/cache/incus /run/incus /run/lxc /run/runit
  fi
}

uninstall_files() {
  local path
  restore_limits
  while read -r path; do
    [[ $path == "$LOG_DIR" ]] || rm -rf --one-file-system "$path"
  done < <(list_made tree)
  while read -r path; do
    [[ ! -d $path ]] || rmdir --ignore-fail-on-non-empty "$path"
  done < <(list_made folder)
  rm -rf "$RUN"
  if has_systemd; then systemctl daemon-reload; fi
  if is_made tree "$SOURCE_NAME.list" || is_made tree "$SOURCE_NAME.sources"; then
    rm -f /var/lib/apt/lists/*-backports_*
  fi
  restore_subids
  remove_accounts
}

uninstall_record() {
  UPGRADED=$(list_made upgraded | sort)
  rm -rf "$STATE_DIR"
}

run_uninstall() {
  if [[ ! -e $STATE ]]; then
    rmdir "$STATE_DIR" 2>/dev/null || true
    echo "Nothing to uninstall: there is no record of an installation in $STATE_DIR."
    return
  fi
  STAGES=5
  open_log --uninstall
  confirm_uninstall
  stage "Stopping Stead" uninstall_services
  stage "Removing guests, networks and storage" uninstall_incus
  stage "Removing packages" uninstall_packages
  stage "Removing files, users and settings" uninstall_files
  stage "Closing the record" uninstall_record
  rm -rf "$LOG_DIR"
  say ''
  say "Stead is gone; the machine is as it was found."
  [[ -z $UPGRADED ]] || say "These packages were brought up to date on the way and stay so (the old version follows):
${UPGRADED//$'\n'/, }"
}
