#!/bin/sh
# The job `roles`: makes the logins of the services and gives each what it needs and no more. The passwords come from files and are
# no argument and in no log.
set -eu
PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
export PGPASSWORD PGHOST="$POSTGRES_HOST" PGPORT="$POSTGRES_PORT" PGUSER="$POSTGRES_USER"
run() { psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=owner="$POSTGRES_USER" "$@"; }
run --dbname="$POSTGRES_DB" --file=/production/roles.sql
run --dbname=mlflow --file=/production/mlflow.sql
echo "roles: four logins, each with what it needs"
