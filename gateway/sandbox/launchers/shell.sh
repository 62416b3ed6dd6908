# Waits in a warm container for one job on stdin, then runs it in a child. Fed by gateway/sandbox/launch.ts.
printf 'ready\n'
read -r wanted _setup files given code marker || exit 0
wanted=$(head -c "$wanted")
[ "$files" = 0 ] || head -c "$files" | tar -xf -
head -c "$given" >.stdin
code=$(head -c "$code"; printf .)
code=${code%.}
exec 3<.stdin
rm .stdin
sh -c "$code" <&3 3<&-
status=$?
# Whatever the code left running ends here.
kill -9 -1 2>/dev/null
if [ -n "$wanted" ]; then
  printf '%s\n' "$marker"
  printf '%s\n' "$wanted" |
    tar -cf - --format=ustar --no-recursion --hard-dereference --ignore-failed-read --verbatim-files-from -T - 2>/dev/null
fi
exit "$status"
