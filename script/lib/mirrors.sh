# shellcheck shell=bash
# The Debian mirrors that this machine is configured with, in whichever format they are written.

debian_codename() {
  # shellcheck disable=SC1091
  (. /etc/os-release && printf '%s' "${VERSION_CODENAME:?}")
}

# Prints FILE:NUMBER of every entry that offers packages made by Debian; $1 is an awk condition on the
# fields entry, release, origin and label.
mirror_positions() {
  apt-get indextargets --format "\$(SOURCESENTRY)|\$(RELEASE)|\$(ORIGIN)|\$(LABEL)" "Created-By: Packages" |
    awk -F'|' "{ entry = \$1; release = \$2; origin = \$3; label = \$4 } $1 { print entry }" | sort -u
}

# Prints one entry, without comments: the Nth stanza of a .sources file or the Nth line of a .list file.
mirror_entry() {
  local file=${1%:*} number=${1##*:}
  if [[ $file == *.sources ]]; then
    grep -v '^#' "$file" | awk -v RS='' -v number="$number" 'NR == number' | sed 's/^Types:.*/Types: deb/I'
  else
    sed -n "${number}p" "$file" | sed 's/ #.*//'
  fi
}

# Writes debian.list and debian.sources, as far as there is something to write, into the folder $1.
write_mirrors() {
  local position kind
  for position in $(mirror_positions 'origin == "Debian"'); do
    kind=list
    [[ ${position%:*} == *.sources ]] && kind=sources
    { mirror_entry "$position" && echo; } >>"$1/debian.$kind"
  done
}

# Prints the path of every keyring that the entries in folder $1 name.
mirror_keyrings() {
  cat "$1"/debian.* | sed -nE 's/^Signed-By: *//Ip; s/^deb[^]]*signed-by=([^] ]+).*/\1/p' | tr ' ,' '\n' | grep '^/' | sort -u || true
}

# Prints, in the format of the file it is derived from, an entry for the backports of this release.
backports_entry() {
  local codename position
  codename=$(debian_codename)
  position=$(mirror_positions "origin == \"Debian\" && label == \"Debian\" && release == \"$codename\"" | head -n 1)
  [[ -n $position ]] || return 1
  mirror_entry "$position" |
    sed -E "s/^Suites:.*/Suites: $codename-backports/I; s/^Components:.*/Components: main/I" |
    sed -E "s/^(deb( \[[^]]*\])? +[^ ]+) +[^ ]+ .*/\1 $codename-backports main/"
}
