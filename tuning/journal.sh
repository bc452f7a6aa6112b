#!/bin/bash
# The part that apply.sh and pin.sh share: one setting is checked, shown, set, or brought back.
# The caller sets
#   mode   check | dry-run | apply | revert
#   root   prefix of every path, empty for the host itself
#   state  folder for what was there before
# and gets differs=1 when something is not as wanted, refused=1 when something cannot be done.
# Nothing is changed before $state/journal says what was there.
# shellcheck disable=SC2034,SC2154 # the caller's variables
set -euo pipefail

differs=0 refused=0

say() { printf '%-8s %s\n' "$1" "$2"; }

refuse() {
  refused=1
  printf 'cannot   %s\n' "$1" >&2
}

# finish ends the script: 0 all as wanted, 1 something differs, 2 something cannot be done.
finish() {
  [ "$refused" = 0 ] || exit 2
  [ "$mode" != check ] || [ "$differs" = 0 ] || exit 1
  exit 0
}

# open_journal makes the state folder, or ends the script before anything is changed.
open_journal() {
  [ "$mode" = apply ] || return 0
  if ! { mkdir -p "$state/saved" && : >>"$state/journal"; } 2>/dev/null; then
    refuse "save what is there to $state: not writable; nothing was changed (are you root?)"
    exit 2
  fi
}

# remember KIND PATH OLD: the first entry of a path is what was there, later ones change nothing.
remember() {
  if ! grep -qF -- "$1"$'\t'"$2"$'\t' "$state/journal"; then
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$state/journal"
  fi
}

# value_of FILE prints a kernel value with single spaces.
value_of() { tr -s '[:space:]' ' ' 2>/dev/null <"$1" | sed 's/ *$//'; }

# meets RULE NOW WANTED
meets() {
  local now want i
  case $1 in
    exact) [ "$2" = "$3" ] ;;
    at-least) [ "$2" -ge "$3" ] ;;
    range)
      read -ra now <<<"$2"
      read -ra want <<<"$3"
      [ "${now[0]}" -le "${want[0]}" ] && [ "${now[1]}" -ge "${want[1]}" ]
      ;;
    mask) [ "$(bare_mask "$2")" = "$(bare_mask "$3")" ] ;;
    *) echo "BUG: no rule $1" >&2; exit 2 ;;
  esac
}

# bare_mask MASK prints a CPU mask without what the kernel fills it up with.
bare_mask() {
  local mask=${1//,/}
  while [ "${mask:0:1}" = 0 ] && [ ${#mask} -gt 1 ]; do mask=${mask:1}; done
  echo "$mask"
}

# write_value FILE VALUE; the kernel may refuse at open or at write.
write_value() { { printf '%s\n' "$2" >"$1"; } 2>/dev/null; }

# want_value PATH RULE WANTED
want_value() {
  local file=$root$1 now
  if ! now=$(value_of "$file" 2>/dev/null) || [ -z "$now" ]; then
    refuse "read $1: not there in this kernel or container; set it on the host"
  elif meets "$2" "$now" "$3"; then
    say ok "$1 = $now"
  elif [ "$mode" = check ]; then
    differs=1
    say differs "$1 = $now, wanted $2 $3"
  elif [ ! -w "$file" ]; then
    refuse "set $1 = $3 (is $now): not writable; be root, and outside of a container"
  elif [ "$mode" = dry-run ]; then
    say would "$1 = $3 (is $now)"
  else
    remember value "$1" "$now"
    if write_value "$file" "$3" && meets "$2" "$(value_of "$file")" "$3"; then
      say set "$1 = $3 (was $now)"
    else
      refuse "set $1 = $3: the kernel keeps $(value_of "$file")"
    fi
  fi
}

# exists PATH: also a link that points nowhere.
exists() { [ -e "$1" ] || [ -L "$1" ]; }

# slot PATH prints where the journal keeps the file of that path.
slot() { echo "$state/saved/${1//\//%}"; }

# want_file PATH WANTED: PATH shall hold what the file WANTED holds.
want_file() {
  local file=$root$1
  if cmp -s "$2" "$file"; then
    say ok "$1"
  elif [ "$mode" = check ]; then
    differs=1
    if exists "$file"; then say differs "$1"; else say differs "$1 is not there"; fi
  elif [ "$mode" = dry-run ]; then
    if can_write "$(dirname "$1")"; then say would "write $1"; else refuse "write $1: be root"; fi
  elif make_dir "$(dirname "$1")" && save_file "$1" && put_file "$2" "$1"; then
    say set "$1"
  else
    refuse "write $1: not writable"
  fi
}

# can_write DIR: files can be made there, or the folder itself can.
can_write() {
  local dir=$root$1
  until [ -d "$dir/" ]; do dir=$(dirname "$dir"); done
  [ -w "$dir" ]
}

# save_file PATH keeps what is there, before the first change of it.
save_file() {
  if grep -qF $'file\t'"$1"$'\t' "$state/journal"; then return 0; fi
  if exists "$root$1"; then
    cp -a "$root$1" "$(slot "$1")" 2>/dev/null && remember file "$1" saved
  else
    remember file "$1" absent
  fi
}

# put_file FROM PATH writes a file at once or not at all, and keeps a copy of it, by which
# revert sees whether somebody changed it.
put_file() {
  local file=$root$2
  cp "$1" "$(slot "$2").ours" &&
    { cp "$1" "$file.new" && chmod 644 "$file.new" && mv "$file.new" "$file"; } 2>/dev/null
}

# make_dir PATH makes a folder and those above it, and remembers each.
make_dir() {
  [ ! -d "$root$1" ] || return 0
  make_dir "$(dirname "$1")" && remember dir "$1" absent && mkdir "$root$1" 2>/dev/null
}

# revert brings back what the journal says, the last change first, and keeps the entries that
# it cannot bring back.
revert() {
  local kind path old left=()
  if exists "$state" && [ ! -w "$state" ]; then
    refuse "revert by $state: not writable; be root"
    return 0
  fi
  if [ ! -s "$state/journal" ]; then
    say ok "nothing to revert in $state"
    return 0
  fi
  while IFS=$'\t' read -r kind path old; do
    "revert_$kind" "$path" "$old" || left=("$kind"$'\t'"$path"$'\t'"$old" "${left[@]}")
  done < <(tac "$state/journal")
  if [ ${#left[@]} = 0 ]; then
    rm -r "$state"
  else
    printf '%s\n' "${left[@]}" >"$state/journal"
    refuse "bring back ${#left[@]} settings; they stay in $state/journal for the next --revert"
  fi
}

revert_value() {
  local file=$root$1 now
  now=$(value_of "$file" 2>/dev/null) || now=
  if [ "$now" != "$2" ] && ! write_value "$file" "$2"; then
    refuse "bring back $1 = $2 (is ${now:-not there})"
    return 1
  fi
  say restored "$1 = $2"
}

revert_file() {
  local file=$root$1 saved
  saved=$(slot "$1")
  if exists "$file" && [ -e "$saved.ours" ] && ! cmp -s "$file" "$saved.ours"; then
    cp -a "$file" "$file.changed" || return 1
    say kept "$1.changed: somebody changed it since"
  fi
  if ! { rm -f "$file" && { [ "$2" = absent ] || cp -a "$saved" "$file"; }; } 2>/dev/null; then
    refuse "bring back $1"
    return 1
  fi
  say restored "$1 ($2)"
}

# revert_dir removes a folder of ours, unless somebody else uses it by now.
revert_dir() { rmdir "$root$1" 2>/dev/null || say kept "$1: not empty"; }
