-- What is in MLflow's database belongs to its login, also what the default profile made there as the owner of everything.
SELECT format('ALTER %s %I.%I OWNER TO predictiondex_mlflow_login',
              CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
              'public', relname)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v', 'm')
  AND pg_get_userbyid(relowner) <> 'predictiondex_mlflow_login'
  -- A sequence of a column goes with its table.
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND relkind = 'S' AND deptype IN ('a', 'i')) \gexec

SELECT format('ALTER TYPE public.%I OWNER TO predictiondex_mlflow_login', typname)
FROM pg_type
WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
  AND pg_get_userbyid(typowner) <> 'predictiondex_mlflow_login' \gexec

GRANT ALL ON SCHEMA public TO predictiondex_mlflow_login;
