#!/bin/sh
# Asks what runs now the questions that a customer would.
set -eu
. deploy/environment.sh

current="$home/current"
check() {
  sleep 0.4
  if problem=$("$2"); then
    printf '\033[32mok\033[0m   %s\n' "$1"
  else
    printf '\033[31mFAIL\033[0m %s: %s\n' "$1" "$problem" >&2
    exit 1
  fi
}

health() {
  running=$(cat "$current/VERSION")
  echo "version $running runs, $version was deployed"
  [ "$running" = "$version" ]
}

prices() {
  awk -F, '$2 !~ /^[0-9]+\.[0-9][0-9]$/ { print "500, the price of \"" $1 "\" is \"" $2 "\""; bad = 1 } END { exit bad }' \
    "$current/prices.csv"
}

cart() {
  total=$(awk -F, '{ total += $2 } END { printf "%.2f", total }' "$current/prices.csv")
  echo "500, a cart with one of everything costs $total"
  [ "$total" != "0.00" ]
}

check "GET /health" health
check "GET /prices" prices
check "POST /cart" cart
