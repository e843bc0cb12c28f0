/** How long a process that the engine leaves behind may still write, in seconds: the engine's last words may come through it. */
export const lastWordsSeconds = 1

/**
 * A shell program that becomes `"$@"` and leaves a watcher beside it. Standard input is the lifeline: when its other
 * end is gone, because we let go or because we were killed, the whole process group is killed; at once, unless the
 * engine has ended before without a line of ours to say that it shall. It must be started as the leader of its own
 * group, so that `-$$` is the engine and its children and never us.
 */
const guard = `exec 3<&0
( trap '' HUP INT TERM
  late=${lastWordsSeconds}; while read -r _ <&3; do late=0; done
  kill -s 0 $$ || sleep $late; kill -s KILL -- -$$ ) </dev/null >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-`

/** `argv` under the guard. To be spawned detached, with a pipe as its standard input. */
export const guarded = (argv: readonly string[], label: string): string[] => [
  '/bin/sh',
  '-c',
  guard,
  label,
  ...argv,
]
