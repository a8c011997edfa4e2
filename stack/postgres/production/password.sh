#!/bin/sh
# Gives a role the password on standard input, from inside the database's container: `pdex secrets rotate` calls it. The password is
# no argument, no variable and in no log.
set -eu
exec psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
    --set=role="$1" --file=/production/password.sql
