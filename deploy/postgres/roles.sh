#!/bin/sh
# Run once by the image of Postgres, when its volume is empty: a role that owns the tables, and one that owns nothing and
# that weir runs as. Row-level security holds the second one; see docs/operations.md, "Postgres".
set -eu
psql -v ON_ERROR_STOP=1 -v owner="$WEIR_OWNER_PASSWORD" -v app="$WEIR_APP_PASSWORD" -v database="$POSTGRES_DB" \
  --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE weir_owner LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'owner';
CREATE ROLE weir_app LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'app';
ALTER DATABASE :"database" OWNER TO weir_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO weir_app;
SQL
