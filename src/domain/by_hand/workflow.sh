newest_run() {
  gh run list -R "$1" -w "$2" -e workflow_dispatch -L 1 --json databaseId -q '.[0].databaseId // 0'
}
watch_run() (
  repository=$1 workflow=$2 newest=$3 key=$4 until=$(($(date +%s) + $5)) job=$6
  started="it was started: look at $workflow of $repository before you start it again"
  # The first that is newer than all before, and shows the key in its title if it was given one.
  ours="[.[] | select(.databaseId > $newest) | select(.displayTitle | contains(\"$key\"))]"
  ours="$ours | min_by(.databaseId) | .databaseId // empty"
  named="[.jobs[] | select(.name == \"$job\" or (.name | startswith(\"$job (\") or startswith(\"$job / \")))]"
  good="$named | length > 0 and all(.conclusion == \"success\")"
  while [ "$(date +%s)" -lt "$until" ]; do
    sleep 2
    run=$(gh run list -R "$repository" -w "$workflow" -e workflow_dispatch -L 50 \
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
