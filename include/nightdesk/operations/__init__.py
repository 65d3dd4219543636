"""What people and watchdogs do to a running desk: approve, stop, recover, replay, verify."""
