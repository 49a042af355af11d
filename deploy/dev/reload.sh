#!/bin/sh
# reload FOLDER COMMAND...: runs the command, and anew after each change of a Python file in the folder.
# SIGTERM ends both, with the command's exit code.
set -u
folder=$1
shift
stamp=/tmp/reload.stamp
child=''
stopped=''
# shellcheck disable=SC2317  # called by the trap
end() {
    stopped=yes
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
}
trap end TERM INT

while :; do
    touch "$stamp"
    "$@" &
    child=$!
    while [ -z "$stopped" ] && kill -0 "$child" 2>/dev/null; do
        if [ -n "$(find "$folder" -name '*.py' -newer "$stamp" | head -n 1)" ]; then
            echo "reload: a file has changed" >&2
            kill -TERM "$child"
            break
        fi
        sleep 1
    done
    # A signal that arrives while waiting ends the wait, not the command.
    while :; do
        wait "$child"
        code=$?
        kill -0 "$child" 2>/dev/null || break
    done
    [ -z "$stopped" ] || exit "$code"
    [ "$code" -eq 0 ] || { echo "reload: exit code $code; waiting for a change" >&2; sleep 1; }
done
