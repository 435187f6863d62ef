#!/bin/sh
# Brings the environment's schema up to this build: each migration once, in order.
set -eu
. deploy/environment.sh

touch "$home/schema.sql" "$home/migrated"
echo "schema of $TRUNKLINE_ENVIRONMENT has $(wc -l < "$home/migrated" | tr -d ' ') migrations"
sleep 0.5
for migration in migrations/*.sql; do
  name=$(basename "$migration" .sql)
  if grep -qx "$name" "$home/migrated"; then
    continue
  fi
  echo "applying $name"
  sed 's/^/  /' "$migration"
  sleep 0.2
  cat "$home/schema.sql" "$migration" > "$home/schema.next"
  mv "$home/schema.next" "$home/schema.sql"
  echo "$name" >> "$home/migrated"
done
sleep 0.6
echo "schema is up to date"
