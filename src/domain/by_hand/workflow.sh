make_tag() {
  gh api ${1:+--hostname "$1"} "repos/$2/git/refs" -f "ref=refs/tags/$3" -f "sha=$4" >/dev/null
}
make_release() {
  gh release create "$2" -R "$1" --target "$3" --notes by-hand >&2
}
move_branch() {
  gh api ${1:+--hostname "$1"} -X PATCH "repos/$2/git/refs/heads/$3" -f "sha=$4" -F force=false >/dev/null
}
newest_run() {
  gh run list -R "$1" -w "$2" -e "$3" -L 1 --json databaseId -q '.[0].databaseId // 0'
}
watch_run() (
  repository=$1 workflow=$2 newest=$3 key=$4 until=$(($(date +%s) + $5)) job=$6 event=$7 branch=${8-}
  started="it was started: look at $workflow of $repository before you start it again"
  # The first that is newer than all before, and shows the key in its title if it was given one.
  ours="[.[] | select(.databaseId > $newest) | select(.displayTitle | contains(\"$key\"))]"
  ours="$ours | min_by(.databaseId) | .databaseId // empty"
  named="[.jobs[] | select(.name == \"$job\" or (.name | startswith(\"$job (\") or startswith(\"$job / \")))]"
  good="$named | length > 0 and all(.conclusion == \"success\")"
  while [ "$(date +%s)" -lt "$until" ]; do
    sleep 2
    run=$(gh run list -R "$repository" -w "$workflow" -e "$event" ${branch:+-b "$branch"} -L 50 \
      --json databaseId,displayTitle -q "$ours") || continue
    [ -n "$run" ] || continue
    state=$(gh run view "$run" -R "$repository" --json status,conclusion -q '.status + " " + .conclusion') || continue
    case $state in
      "completed success")
        [ -n "$job" ] || exit 0
        deployed=$(gh run view "$run" -R "$repository" --json jobs -q "$good") || continue
        [ "$deployed" = true ] && exit 0
        echo "run $run is green, and its job $job is not: whether it deployed is not known" >&2
        exit 1 ;;
      completed*) echo "run $run ended as ${state#completed }" >&2; exit 1 ;;
    esac
  done
  echo "its end was not seen; $started" >&2
  exit 1
)
