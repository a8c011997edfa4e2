#!/bin/bash
# Runs once, when the cluster is made: MLflow keeps its runs in a database of its own beside the Pokédex.
set -euo pipefail

psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
    --command='CREATE DATABASE mlflow'
