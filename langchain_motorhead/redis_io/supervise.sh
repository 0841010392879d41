#!/bin/sh
# Supervises one server while processes use it: supervise.sh RUNTIME_FOLDER SERVER [ARGUMENT...]
#
# stdin   the reading end of a FIFO that every user process holds open for writing. End of file: the last one has left.
#         A line on it names a file to create: the reply to a process that joins, given only while the server stays.
# stdout  stays open while the server may run. It carries the lock on a data folder.
# stderr  the log.
#
# It returns at once and leaves three processes beside the server: one waits for the server, one for its users, and one
# for the second. If any of them dies, even by SIGKILL, the server is stopped.

umask 077 # only the owner may read what the server stores
trap '' HUP INT
PATH=$PATH:/usr/bin:/bin
exec 3<&0 4>&1 >&2 </dev/null

stop() {
    tries=0
    while kill -TERM "$server" && [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    kill -KILL "$server" # it hangs; the data that it acknowledged is on disk
    rm -rf "$runtime"    # reached only if the process that waits for the server was killed
} 2>/dev/null

keep() {
    runtime=$1
    shift
    "$@" 3<&- &
    server=$!
    trap '' TERM # if all processes get SIGTERM, the server stops and these clean up
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
    kill -KILL 0 # ends the other two: users of a dead server may still hold the FIFO open
}

keep "$@" &
