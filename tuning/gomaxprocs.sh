#!/bin/bash
# Says which GOMAXPROCS and GOMEMLIMIT fit the CPUs and the memory that this process may use:
#   gomaxprocs.sh                         print them, one NAME=value a line
#   gomaxprocs.sh --check PID             does a running process have them?  0 yes, 1 no, 2 cannot
#   gomaxprocs.sh -- bin/mcploop serve    run a command with them
# Options: --memory SIZE (as 8G, instead of what is found), --root DIR (read below DIR).
# It changes nothing, so there is nothing to revert.
#
# GOMAXPROCS: the CPUs of the affinity, or the whole CPUs of the cgroup's quota if that is less.
#   Go 1.25 and later do the same but round up, and never below 2: with a quota of 2.5 three loops
#   use it up before the period ends, and then all of them are stopped. Cost: half a CPU stays idle.
#   source: https://go.dev/blog/container-aware-gomaxprocs
# GOMEMLIMIT: 90 % of the smallest memory limit of the cgroups, or of the host's memory. Go does
#   not read the cgroup's limit by itself; mcploop serve does, with room for limits.connections, and
#   needs this only where --memory says something else. Cost: garbage collection takes CPU when
#   memory is short. source: https://go.dev/doc/gc-guide#Memory_limit
set -euo pipefail

cannot() {
  echo "cannot $1" >&2
  exit 2
}

root='' memory='' pid=''
while [ $# -gt 0 ]; do
  case $1 in
    --check | --memory | --root)
      [ $# -ge 2 ] || cannot "go on: $1 wants a value"
      case $1 in
        --check) pid=$2 ;;
        --memory) memory=$2 ;;
        --root) root=${2%/} ;;
      esac
      shift 2
      ;;
    --)
      shift
      [ $# -gt 0 ] || cannot "go on: -- wants a command"
      break
      ;;
    *) cannot "go on: $1 is no option; see the head of $0" ;;
  esac
done
whose=${pid:-self}

# cgroups CONTROLLER prints the folders of the process, the innermost first, v2 and v1.
cgroups() {
  local id controllers path mount
  while IFS=: read -r id controllers path; do
    case $id:$controllers in
      0:) mount=$root/sys/fs/cgroup ;;
      *)
        [[ ,$controllers, == *,$1,* ]] || continue
        mount=$root/sys/fs/cgroup/$1
        ;;
    esac
    while :; do
      echo "$mount${path%/}"
      [ -n "${path%/}" ] || break
      path=${path%/*}
    done
  done <"$root/proc/$whose/cgroup"
}

# whole_cpus prints how many CPUs the affinity and the smallest quota leave, at least 1.
whole_cpus() {
  local list range n=0 dir quota period
  list=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$root/proc/$whose/status")
  [ -n "$list" ] || cannot "read the affinity in $root/proc/$whose/status"
  for range in ${list//,/ }; do
    n=$((n + ${range#*-} - ${range%-*} + 1))
  done
  for dir in $(cgroups cpu); do
    quota=max period=0
    if [ -r "$dir/cpu.max" ]; then
      read -r quota period <"$dir/cpu.max"
    elif [ -r "$dir/cpu.cfs_quota_us" ]; then
      quota=$(<"$dir/cpu.cfs_quota_us") period=$(<"$dir/cpu.cfs_period_us")
    fi
    if [[ $quota =~ ^[0-9]+$ ]] && [ $((quota / period)) -lt "$n" ]; then
      n=$((quota / period))
    fi
  done
  echo $((n > 0 ? n : 1))
}

# memory_bytes prints the smallest limit.
memory_bytes() {
  local least dir file limit
  if [ -n "$memory" ]; then
    [[ $memory =~ ^[1-9][0-9]*[KMGT]?$ ]] || cannot "read --memory $memory; say it as 8G or 512M"
    numfmt --from=iec "$memory"
    return
  fi
  least=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' "$root/proc/meminfo")
  [ -n "$least" ] || cannot "read MemTotal in $root/proc/meminfo"
  least=$((least * 1024))
  for dir in $(cgroups memory); do
    for file in "$dir/memory.max" "$dir/memory.high" "$dir/memory.limit_in_bytes"; do
      [ -r "$file" ] || continue
      limit=$(<"$file")
      if [ "$limit" != max ] && [ "$limit" -lt "$least" ]; then least=$limit; fi
    done
  done
  echo "$least"
}

[ -r "$root/proc/$whose/cgroup" ] || cannot "read $root/proc/$whose/cgroup"
procs=$(whole_cpus)
bytes=$(memory_bytes)
limit=$((bytes * 9 / 10 / 1048576))MiB

if [ -n "$pid" ]; then
  [ -r "$root/proc/$pid/environ" ] || cannot "read $root/proc/$pid/environ"
  differs=0
  for want in "GOMAXPROCS=$procs" "GOMEMLIMIT=$limit"; do
    has=$(tr '\0' '\n' <"$root/proc/$pid/environ" | sed -n "s/^${want%%=*}=//p")
    if [ "$has" = "${want#*=}" ]; then
      echo "ok       $want"
    else
      echo "differs  ${want%%=*} is ${has:-not set}, wanted ${want#*=}"
      differs=1
    fi
  done
  exit "$differs"
fi
[ $# = 0 ] || exec env "GOMAXPROCS=$procs" "GOMEMLIMIT=$limit" "$@"
printf '%s\n' "GOMAXPROCS=$procs" "GOMEMLIMIT=$limit"
