# Where this service runs: folders that stand for servers, one for each environment. The other scripts source this.
# shellcheck shell=sh

read -r servers < deploy/servers
home="$servers/$TRUNKLINE_ENVIRONMENT"
version=$(cat app/VERSION)
mkdir -p "$home/releases"
