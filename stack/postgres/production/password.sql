SET log_min_error_statement = panic;
SET password_encryption = 'scram-sha-256';
\set password `cat`
ALTER ROLE :"role" PASSWORD :'password';
