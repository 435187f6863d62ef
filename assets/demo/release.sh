#!/bin/sh
# Puts this build's files beside the ones that run, then switches the link that the instances serve from.
set -eu
. deploy/environment.sh

release="releases/$TRUNKLINE_SHA"
echo "$TRUNKLINE_KIND of #$TRUNKLINE_BUILD, version $version, to $TRUNKLINE_ENVIRONMENT"
rm -rf "$home/$release.part"
cp -R app "$home/$release.part"
rm -rf "${home:?}/$release"
mv "$home/$release.part" "$home/$release"
echo "copied $(find "$home/$release" -type f | wc -l | tr -d ' ') files to $release"

case $TRUNKLINE_ENVIRONMENT in
  production) instances="1 2 3" ;;
  *) instances="1" ;;
esac
# Free delivery came with orders that take their time, and this script has never heard of that.
is_delivering() {
  [ "$1" = 3 ] && [ ! -e "$home/delivered" ] && grep -q "free delivery" app/delivery.js
}
for instance in $instances; do
  echo "instance $instance: draining connections"
  sleep 0.6
  if is_delivering "$instance"; then
    touch "$home/delivered"
    echo "instance $instance: busy with open deliveries, left as it is"
    continue
  fi
  ln -sfn "$release" "$home/instance-$instance"
  printf 'instance %s: \033[32mserving\033[0m version %s\n' "$instance" "$version"
  sleep 0.3
done
ln -sfn "$release" "$home/current"
echo "current is now $release"
