-- Logins and their rights, in the Pokédex's database. Says the same however often it runs.

-- A statement that fails is not written into the log with its password.
SET log_min_error_statement = panic;
SET client_min_messages = warning;
SET password_encryption = 'scram-sha-256';

\set etl `cat /run/secrets/etl_password`
\set trainer `cat /run/secrets/trainer_password`
\set api `cat /run/secrets/api_password`
\set mlflow `cat /run/secrets/mlflow_password`

SELECT format('CREATE ROLE %I', login)
FROM unnest(ARRAY['etl', 'trainer', 'api', 'mlflow']) AS who, format('predictiondex_%s_login', who) AS login
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = login) \gexec

ALTER ROLE predictiondex_etl_login     LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20 PASSWORD :'etl';
ALTER ROLE predictiondex_trainer_login LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20 PASSWORD :'trainer';
ALTER ROLE predictiondex_api_login     LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20 PASSWORD :'api';
ALTER ROLE predictiondex_mlflow_login  LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 40 PASSWORD :'mlflow';

-- The groups are the schema's (services/dex/migrations): one writes the Pokédex, the other reads it.
GRANT predictiondex_etl TO predictiondex_etl_login;
GRANT predictiondex_reader TO predictiondex_trainer_login, predictiondex_api_login;

-- Nobody connects where nothing is his.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname) FROM pg_database WHERE datallowconn \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO predictiondex_etl_login, predictiondex_trainer_login, predictiondex_api_login', current_database()) \gexec
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- MLflow keeps its runs in a database of its own, which a volume of the earliest stacks lacks.
SELECT 'CREATE DATABASE mlflow' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'mlflow') \gexec
ALTER DATABASE mlflow OWNER TO predictiondex_mlflow_login;
REVOKE ALL ON DATABASE mlflow FROM PUBLIC;
