#!/bin/sh
# The broker's role owns its two databases, and may do nothing else.
set -eu
password=$(cat /run/secrets/broker_password)
psql --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --set password="$password" <<'SQL'
CREATE ROLE ciconia LOGIN PASSWORD :'password';
CREATE DATABASE ciconia OWNER ciconia;
CREATE DATABASE ciconia_demo OWNER ciconia;
SQL
