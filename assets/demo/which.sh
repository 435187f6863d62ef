#!/bin/sh
# Tells which commit each instance serves, by the folder that its link leads to.
set -eu
. deploy/environment.sh

for instance in 1 2 3; do
  if folder=$(readlink "$home/instance-$instance"); then
    echo "i$instance ${folder#releases/}"
  fi
done
