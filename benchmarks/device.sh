#!/usr/bin/env bash
# Run what needs a CUDA device, in at most 8 minutes: a step that fails or takes too long is reported, and the next runs.
# usage, from the top of a clone: [OUT=FOLDER] [DEVICE=cpu] [LIMIT=SECONDS] bash benchmarks/device.sh
# ENGINE, SHARE, PAIRS and CELLS hold options of the steps, which `python -m benchmarks.device STEP --help` lists.
set -u
export DEVICE="${DEVICE:-cuda}" PYTHONUNBUFFERED=1
OUT="${OUT:-benchmarks/results/device}" PYTHON="${PYTHON:-python3}" LIMIT="${LIMIT:-470}"
[ "$DEVICE" != cpu ] || export CUDA_VISIBLE_DEVICES=
mkdir -p "$OUT" || exit 1
NAME="$("$PYTHON" -m benchmarks.device name 2>&1 | tail -n 1)"
echo "$NAME" >"$OUT/log.txt"
echo "device,step,result,seconds" >"$OUT/summary.csv"

step() { # NAME SECONDS COMMAND...: run a command within its time, and what is left of LIMIT
    local name=$1 limit=$2 began=$SECONDS rc result
    shift 2
    limit=$((limit < LIMIT - SECONDS ? limit : LIMIT - SECONDS))
    echo "== $name, up to $limit s: $*" >>"$OUT/log.txt"
    if ((limit > 0)); then
        timeout -k 5 "$limit" "$@" >>"$OUT/log.txt" 2>&1
        rc=$?
        case $rc in 0) result=done ;; 124 | 137) result="stopped after $limit s" ;; *) result="failed with $rc" ;; esac
    else
        result="no time left"
    fi
    echo "\"${NAME//\"/}\",$name,$result,$((SECONDS - began))" >>"$OUT/summary.csv"
}

# shellcheck disable=SC2046,SC2086 # several words each
step tests 120 env PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 "$PYTHON" -m pytest -m cuda -p no:cacheprovider \
    -o junit_suite_name="$NAME" --junitxml="$OUT/tests.xml" $(grep -rl --include='test_*.py' 'pytest\.mark\.cuda' tests)
step engine 70 "$PYTHON" -m benchmarks.device engine --out "$OUT/engine.csv" ${ENGINE:-}
step share 75 "$PYTHON" -m benchmarks.device share --out "$OUT/share.csv" ${SHARE:-}
step pairs 150 "$PYTHON" -m benchmarks.device pairs --out "$OUT/device_pairs.csv" --seconds 60 ${PAIRS:-}
step cells "$LIMIT" "$PYTHON" -m benchmarks.device cells --out "$OUT/device.csv" --seconds $((LIMIT - SECONDS)) ${CELLS:-}
cat "$OUT/summary.csv"
echo "All results are in $OUT; the faults of each step are in $OUT/log.txt."
