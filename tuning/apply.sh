#!/bin/bash
# Tunes a Linux host for tens of thousands of connections: kernel values, limits, systemd drop-in.
# Every value, its reason, cost and source stands in the files below tuning/etc.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  cat >&2 <<'END'
usage: apply.sh --check | --dry-run | --apply | --revert [options]
  --check        compare the host with what is wanted; changes nothing
  --dry-run      say what --apply would do; changes nothing
  --apply        set it, now and for every boot; what was there is saved first
  --revert       bring back what was there before the first --apply
  --cpus LIST    CPUs of the service, as 0-15 (default: all)
  --memory SIZE  memory of the service, as 8G (default: mcploop serve finds out when it starts)
  --root DIR     work below DIR instead of / (for images and tests)
exit: 0 all as wanted, 1 something differs (--check), 2 something cannot be done
END
  exit 2
}

mode='' root='' cpus='' memory=()
while [ $# -gt 0 ]; do
  case $1 in
    --check | --dry-run | --apply | --revert) [ -z "$mode" ] || usage; mode=${1#--} ;;
    --cpus | --memory | --root)
      [ $# -ge 2 ] || usage
      case $1 in
        --cpus) cpus=$2 ;;
        --memory) memory=(--memory "$2") ;;
        --root) root=${2%/} ;;
      esac
      shift
      ;;
    *) usage ;;
  esac
  shift
done
[ -n "$mode" ] || usage
[[ $cpus =~ ^[0-9,-]*$ ]] || usage
[ -d "$root/" ] || usage
state=$root/var/lib/mcploop-tuning
# shellcheck source=tuning/journal.sh
. "$here/journal.sh"

# kernel_values handles each "key = value" of the sysctl.d file by the rule above it, and writes
# to $1 the file to install: without the lines by which a boot would lower what the host has.
kernel_values() {
  local line key value rule='' path now
  while IFS= read -r line; do
    case $line in
      '# rule: '*) rule=${line#'# rule: '} ;;
      '' | '#'*) ;;
      *)
        key=${line%% = *} value=${line#* = } path=/proc/sys/$(tr . / <<<"${key#-}")
        if [ "${key:0:1}" = - ] && [ ! -e "$root$path" ]; then
          say ok "$path: not loaded"
        else
          want_value "$path" "$rule" "$value"
          now=$(value_of "$root$path" 2>/dev/null) || now=
          if [ -n "$now" ] && [ "$now" != "$value" ] && meets "$rule" "$now" "$value"; then
            line="# ${key#-}: the host has more"
          fi
        fi
        ;;
    esac
    printf '%s\n' "$line" >&3
  done <"$here/etc/sysctl.d/90-mcploop.conf" 3>"$1"
}

# service_file writes the drop-in of this host to $1.
service_file() {
  local limit
  [ -n "$cpus" ] || cpus=$(value_of "$root/sys/devices/system/cpu/online" 2>/dev/null) || cpus=
  if [ -z "$cpus" ]; then
    refuse "read /sys/devices/system/cpu/online; say --cpus LIST"
    return 0
  fi
  limit='/^Environment=GOMEMLIMIT=/d'
  if [ ${#memory[@]} -gt 0 ]; then
    if ! limit=$("$here/gomaxprocs.sh" --root "$root/" "${memory[@]}"); then
      refuse "use --memory ${memory[1]}"
      return 0
    fi
    limit="s/@memory@/${limit##*GOMEMLIMIT=}/"
  fi
  sed "s/@cpus@/$cpus/; $limit; /^# Drop-in/s/ apply.sh .*/ Made by apply.sh./" \
    "$here/etc/mcploop.service.d/50-tuning.conf" >"$1"
  want_file /etc/systemd/system/mcploop.service.d/50-tuning.conf "$1"
}

if [ "$mode" = revert ]; then
  revert
  finish
fi
open_journal
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
kernel_values "$scratch/sysctl"
want_file /etc/sysctl.d/90-mcploop.conf "$scratch/sysctl"
want_file /etc/security/limits.d/90-mcploop.conf "$here/etc/limits.d/90-mcploop.conf"
service_file "$scratch/service"
if [ "$mode" = apply ]; then
  say next "systemctl daemon-reload && systemctl restart mcploop; log in again for limits.d"
fi
finish
