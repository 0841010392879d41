#!/bin/sh
# Runs one server for as long as somebody uses it: supervise.sh RUNTIME_FOLDER SERVER [ARGUMENT...]
#
# stdin   reading end of a FIFO that every user holds open for writing, so that its end means: the last one is gone.
#         A line on it names a file to make: the answer to someone who joins, given only while the server stays.
# stdout  held open as long as the server may be alive; the lock on a data folder comes this way.
# stderr  the log.
#
# It returns at once and leaves three processes beside the server, so that the death of any one of them, by SIGKILL
# too, ends with the server stopped: one waits for the server, one for the users, and one for that one.

trap '' HUP INT
PATH=$PATH:/usr/bin:/bin
exec 3<&0 4>&1 >&2 </dev/null

stop() {
    tries=0
    while kill -TERM "$server" && [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    kill -KILL "$server" # it hangs; what it acknowledged is on disk
    rm -rf "$runtime"    # comes to this only if the process that waits for the server was killed
} 2>/dev/null

keep() {
    runtime=$1
    shift
    "$@" 3<&- &
    server=$!
    trap '' TERM # if all are told to stop, the server does, and those who clean up after it stay
    {
        while read -r answer; do true >"$runtime/$answer"; done
        stop
    } <&3 4>&- | {
        read -r _
        [ -d "$runtime" ] && stop
    } 3<&- 4>&- &
    exec 3<&-
    wait "$server"
    rm -rf "$runtime"
    kill -KILL 0 # the two others: users of a server that died may still hold their FIFO
}

keep "$@" &
