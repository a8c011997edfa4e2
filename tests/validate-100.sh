#!/bin/sh
# Validates a running stack again and again: tests/validate-100.sh PDEX [ARG…]
#
# ARG… goes before the command: -p, -f and the like. A stack that is well gives no alarm, whenever it is asked: each of PDEX_RUNS
# (default 100) runs has to end with 0. Prints the median and the longest time. Exit: 0; 1 when a run gave an alarm, which is shown;
# 64 without a program.
set -eu

[ "$#" -gt 0 ] || { echo "usage: tests/validate-100.sh PDEX [ARG…]" >&2; exit 64; }
runs=${PDEX_RUNS:-100}
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT

alarms=0
run=0
while [ "$run" -lt "$runs" ]; do
    run=$((run + 1))
    began=$(date +%s%N)
    code=0
    "$@" validate >"$home/said" 2>&1 || code=$?
    echo $((($(date +%s%N) - began) / 1000000)) >>"$home/times"
    if [ "$code" -ne 0 ]; then
        alarms=$((alarms + 1))
        echo "run $run: exit $code"
        grep -e '✗' -e 'hint:' -e '^error' "$home/said" || cat "$home/said"
    fi
done

sort -n "$home/times" >"$home/sorted"
median=$(sed -n "$(((runs + 1) / 2))p" "$home/sorted")
longest=$(sed -n '$p' "$home/sorted")
echo "$runs runs, $alarms with an alarm; median $median ms, longest $longest ms"
[ "$alarms" -eq 0 ]
