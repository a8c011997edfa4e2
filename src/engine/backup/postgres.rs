//! PostgreSQL's own programs, run in its container with the credentials that are there: none is on a command line, in a log or in a
//! backup. New databases are filled beside the old ones and take their names all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use super::{BackupError, PIECE};
use crate::backup::manifest::{Database, Server};
use crate::backup::marks::STAGED;
use crate::definition::model::ServiceName;
use crate::runtime::operate::{Attached, CommandOrder, Operate, ProcessId, Terms};
use crate::runtime::{ExecOrder, RuntimeError};
use crate::world::ContainerId;

/// For a statement. Taking a large database away is the longest.
const PATIENCE: Duration = Duration::from_mins(10);
/// For a server that runs and does not answer yet.
const STARTING: Duration = Duration::from_secs(30);
/// Between two looks at a command that has closed its output and still runs.
const LOOK: Duration = Duration::from_millis(50);
/// Of what a command says when it fails.
const MOST_WORDS: usize = 4 * 1024;
/// PostgreSQL's names have 63 bytes, and a new database is called so while it is filled.
const LONGEST_NAME: usize = 63 - STAGED.len();

/// The official image's variables as those of the programs.
const PRELUDE: &str = r#"set -e
export PGUSER="${POSTGRES_USER:-$(cat "${POSTGRES_USER_FILE:-/dev/null}")}"
export PGPASSWORD="${POSTGRES_PASSWORD:-$(cat "${POSTGRES_PASSWORD_FILE:-/dev/null}")}"
export PGUSER="${PGUSER:-postgres}" PGOPTIONS="-c client_min_messages=error"
"#;

/// `template1` is always there, and no database of anyone's that might be exchanged.
const PSQL: &str = "psql -X -A -t -q -v ON_ERROR_STOP=1 -d template1";

const DATABASES: &str = r#"<<'SQL'
SELECT jsonb_build_object('version', current_setting('server_version'), 'databases', coalesce(jsonb_agg(
  jsonb_build_object('name', datname, 'encoding', pg_encoding_to_char(encoding), 'collate', datcollate,
                     'ctype', datctype, 'owner', pg_get_userbyid(datdba), 'provider', CASE said ->> 'datlocprovider'
                       WHEN 'i' THEN format('LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(said ->> 'datlocale', said ->> 'daticulocale'))
                       WHEN 'b' THEN format('LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', said ->> 'datlocale')
                       ELSE '' END, 'statements', (
    SELECT coalesce(jsonb_agg(line ORDER BY place), '[]') FROM (
      SELECT 1 AS place, 'REVOKE ALL ON DATABASE :"name" FROM PUBLIC;' AS line WHERE datacl IS NOT NULL
      UNION ALL
      SELECT 2, format('GRANT %s ON DATABASE :"name" TO %s%s;', privilege_type,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
      FROM aclexplode(datacl)
      UNION ALL
      SELECT 3, format('ALTER %s SET %I TO %s;',
        CASE setrole WHEN 0 THEN 'DATABASE :"name"'
          ELSE format('ROLE %I IN DATABASE :"name"', pg_get_userbyid(setrole)) END,
        split_part(setting, '=', 1),
        CASE WHEN setting ~ '^(search_path|temp_tablespaces|[a-z]+_preload_libraries)='
          THEN substr(setting, strpos(setting, '=') + 1)
          ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END)
      FROM pg_db_role_setting, unnest(setconfig) AS setting WHERE setdatabase = pg_database.oid
      UNION ALL
      SELECT 4, format('ALTER DATABASE :"name" CONNECTION LIMIT %s;', datconnlimit) WHERE datconnlimit <> -1
      UNION ALL
      SELECT 5, format('COMMENT ON DATABASE :"name" IS %L;', words)
      FROM shobj_description(pg_database.oid, 'pg_database') AS words WHERE words IS NOT NULL
    ) AS lines)) ORDER BY datname), '[]'))
FROM pg_database, to_jsonb(pg_database) AS said
WHERE NOT datistemplate AND datallowconn AND datname NOT LIKE '%.pdex-new' AND datname NOT LIKE '%.pdex-old';
SQL"#;

/// Sessions of databases that are about to go end first; `\gexec` runs each line of the answer.
const DROP: &str = r"<<'SQL'
SELECT format('SELECT pg_terminate_backend(%s)', pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND (datname LIKE '%.pdex-old' OR datname LIKE :'which') \gexec
SELECT format('DROP DATABASE %I', datname) FROM pg_database
WHERE datname LIKE '%.pdex-old' OR datname LIKE :'which' \gexec
SQL";

const CREATE: &str = r#"-v name="$PDEX_DATABASE.pdex-new" -v encoding="$PDEX_ENCODING" -v collate="$PDEX_COLLATE" \
  -v ctype="$PDEX_CTYPE" -v provider="$PDEX_PROVIDER" -v owner="$PDEX_OWNER" <<'SQL'
CREATE DATABASE :"name" TEMPLATE template0 ENCODING :'encoding' LC_COLLATE :'collate' LC_CTYPE :'ctype' :provider OWNER :"owner";
SQL"#;

/// One block is one transaction: every name changes, or none does.
const EXCHANGE: &str = r"<<'SQL'
SELECT format('SELECT pg_terminate_backend(%s)', a.pid) FROM pg_stat_activity a
WHERE a.pid <> pg_backend_pid() AND (a.datname LIKE '%.pdex-new'
      OR EXISTS (SELECT FROM pg_database n WHERE n.datname = a.datname || '.pdex-new')) \gexec
DO $pdex$
DECLARE fresh text; place text;
BEGIN
  FOR fresh IN SELECT datname FROM pg_database WHERE datname LIKE '%.pdex-new' ORDER BY datname LOOP
    place := left(fresh, length(fresh) - length('.pdex-new'));
    IF EXISTS (SELECT FROM pg_database WHERE datname = place) THEN
      EXECUTE format('ALTER DATABASE %I RENAME TO %I', place, place || '.pdex-old');
    END IF;
    EXECUTE format('ALTER DATABASE %I RENAME TO %I', fresh, place);
  END LOOP;
END $pdex$;
SQL";

/// Through the address that other containers use: from inside, the official image asks nobody for a password.
const OPENS: &str = r#"psql -X -A -t -q -w -h "${HOSTNAME:-localhost}" -d template1 -c "SELECT 1""#;

/// A database server in its container.
pub(super) struct Postgres<'a, R> {
    pub(super) runtime: &'a R,
    pub(super) service: &'a ServiceName,
    pub(super) container: &'a ContainerId,
}

/// What [`DATABASES`] tells.
#[derive(Debug, Default, Deserialize)]
struct Told {
    version: String,
    databases: Vec<Database>,
}

impl<R: Operate> Postgres<'_, R> {
    fn failed(&self, what: impl Into<String>) -> BackupError {
        BackupError::Database { service: self.service.clone(), what: what.into() }
    }

    /// What a script printed.
    async fn ask(&self, script: &str, variables: &[(&str, &str)]) -> Result<String, BackupError> {
        let done = self.runtime.exec(self.container, &order(script, variables), PATIENCE).await?;
        if done.code == 0 {
            return Ok(done.output);
        }
        Err(self.failed(format!("said no: {}", done.output.trim())))
    }

    /// Its databases, and what is none of theirs.
    pub(super) async fn contents(&self) -> Result<(Server, Vec<Database>), BackupError> {
        let output = self.ask(&format!("{PSQL} {DATABASES}"), &[]).await?;
        // Warnings come in the same stream.
        let told = output.lines().find_map(|line| serde_json::from_str::<Told>(line).ok());
        let told = told.ok_or_else(|| self.failed(format!("does not say what is in it: {output}")))?;
        let roles = self.ask("pg_dumpall --roles-only --no-role-passwords", &[]).await?;
        Ok((Server { version: told.version, roles }, told.databases))
    }

    /// Dumps one database.
    pub(super) async fn dump(
        &self,
        name: &str,
        into: &mut impl Write,
        broken: &dyn Fn(io::Error) -> BackupError,
    ) -> Result<(), BackupError> {
        // Not compressed: that is done once, for everything. It may wait for a lock of one that is held meanwhile, who would never
        // let it go.
        let script = "export PGDATABASE=\"$PDEX_DATABASE\"; exec pg_dump -Fc -Z0 --lock-wait-timeout=20s";
        let order = order(script, &[("PDEX_DATABASE", name)]);
        let order = CommandOrder { exec: order, ..CommandOrder::default() };
        let (process, attached) = self.runtime.open(self.container, &order).await?;
        let mut words = String::new();
        if let Some(Attached { mut output, input: _input }) = attached {
            while let Some(piece) = output.next().await {
                let piece = piece?;
                if piece.error {
                    hear(&mut words, &piece.bytes);
                } else {
                    into.write_all(&piece.bytes).map_err(broken)?;
                }
            }
        }
        self.ended(&process, &words, &format!("cannot be dumped ({name})")).await
    }

    /// Makes the roles that are not there. Those that are keep what they may do, and their passwords.
    pub(super) async fn make_roles(&self, roles: &str) -> Result<(), BackupError> {
        let known = self.ask(&format!("{PSQL} -c 'SELECT quote_ident(rolname) FROM pg_roles'"), &[]).await?;
        let missing = missing_roles(roles, &known.lines().map(str::to_owned).collect());
        if missing.is_empty() {
            return Ok(());
        }
        self.ask(&format!("printf '%s\\n' \"$PDEX_ROLES\" | {PSQL}"), &[("PDEX_ROLES", missing.as_str())])
            .await
            .map(|_| ())
    }

    /// Takes away what earlier runs left: databases that were replaced, and with `staged` those that stood ready.
    pub(super) async fn drop_left(&self, staged: bool) -> Result<(), BackupError> {
        let which = if staged { "%.pdex-new" } else { "%.pdex-old" };
        self.ask(&format!("{PSQL} -v which='{which}' {DROP}"), &[]).await.map(|_| ())
    }

    /// Makes a new database beside the old one and fills it.
    pub(super) async fn fill(
        &self,
        database: &Database,
        content: &mut impl Read,
        broken: &dyn Fn(io::Error) -> BackupError,
    ) -> Result<(), BackupError> {
        let name = &database.name;
        if name.len() > LONGEST_NAME {
            let what = format!("{name} has too long a name: {LONGEST_NAME} bytes are the most");
            return Err(self.failed(what));
        }
        let variables = [
            ("PDEX_DATABASE", name.as_str()),
            ("PDEX_ENCODING", database.encoding.as_str()),
            ("PDEX_COLLATE", database.collate.as_str()),
            ("PDEX_CTYPE", database.ctype.as_str()),
            ("PDEX_PROVIDER", database.provider.as_str()),
            ("PDEX_OWNER", database.owner.as_str()),
        ];
        self.ask(&format!("{PSQL} {CREATE}"), &variables).await?;
        let statements = database.statements.join("\n");
        if !statements.is_empty() {
            let script =
                format!("printf '%s\\n' \"$PDEX_STATEMENTS\" | {PSQL} -v name=\"$PDEX_DATABASE.pdex-new\"");
            self.ask(&script, &[variables[0], ("PDEX_STATEMENTS", statements.as_str())]).await?;
        }
        // A name on its command line might be taken for more than one.
        let script = "export PGDATABASE=\"$PDEX_DATABASE.pdex-new\"; exec pg_restore --exit-on-error -d ''";
        let order = CommandOrder {
            exec: order(script, &variables[..1]),
            terms: Terms { input: true, ..Terms::default() },
            detached: false,
        };
        let (process, attached) = self.runtime.open(self.container, &order).await?;
        let mut words = String::new();
        if let Some(Attached { mut output, mut input }) = attached {
            let writing = async {
                let sent = send(content, &mut input).await;
                // Whatever came of it, nothing more comes: it must not wait. One that has ended needs not be told.
                let _ = input.shutdown().await;
                sent
            };
            let reading = async {
                while let Some(piece) = output.next().await {
                    hear(&mut words, &piece?.bytes);
                }
                Ok::<(), RuntimeError>(())
            };
            let (written, read) = tokio::join!(writing, reading);
            written.map_err(broken)?;
            read?;
        }
        self.ended(&process, &words, &format!("cannot be filled ({name})")).await
    }

    /// Whether the password that the container has opens the database. One that has just been made may still be on its way: the
    /// server that makes it talks to nobody outside. What cannot be found out is no refusal.
    pub(super) async fn opens(&self) -> Result<(), BackupError> {
        let limit = Instant::now() + STARTING;
        loop {
            let done = self.runtime.exec(self.container, &order(OPENS, &[]), PATIENCE).await?;
            if done.code != 0 && done.output.contains("authentication failed") {
                return Err(BackupError::Password { service: self.service.clone() });
            }
            let starts =
                ["Connection refused", "starting up"].iter().any(|words| done.output.contains(words));
            if done.code == 0 || !starts || Instant::now() >= limit {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Every database that stands ready takes its name.
    pub(super) async fn exchange(&self) -> Result<(), BackupError> {
        self.ask(&format!("{PSQL} {EXCHANGE}"), &[]).await.map(|_| ())
    }

    async fn ended(&self, process: &ProcessId, words: &str, what: &str) -> Result<(), BackupError> {
        let ProcessId::Command(process) = process else { return Ok(()) };
        let code = loop {
            match self.runtime.code(process).await? {
                Some(code) => break code,
                None => tokio::time::sleep(LOOK).await,
            }
        };
        if code == 0 {
            return Ok(());
        }
        let words =
            if words.trim().is_empty() { format!("exit code {code}") } else { words.trim().to_owned() };
        Err(self.failed(format!("{what}: {words}")))
    }
}

fn order(script: &str, variables: &[(&str, &str)]) -> ExecOrder {
    let argv = ["/bin/sh".to_owned(), "-c".to_owned(), format!("{PRELUDE}{script}\n")];
    let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    ExecOrder { environment: environment.collect::<BTreeMap<_, _>>(), ..ExecOrder::of(&argv) }
}

async fn send(content: &mut impl Read, input: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = content.read(&mut piece)?;
        // One that ends without reading on says why by its exit code.
        if read == 0 || input.write_all(&piece[..read]).await.is_err() {
            return Ok(());
        }
    }
}

fn hear(words: &mut String, bytes: &Bytes) {
    if words.len() < MOST_WORDS {
        words.push_str(&String::from_utf8_lossy(bytes));
    }
}

/// The statements of `pg_dumpall --roles-only` about roles that are not known.
fn missing_roles(dumped: &str, known: &BTreeSet<String>) -> String {
    let made = |line: &str| line.strip_prefix("CREATE ROLE ").map(|rest| identifier(rest).to_owned());
    let new: BTreeSet<String> =
        dumped.lines().filter_map(made).filter(|role| !known.contains(role)).collect();
    let is_new = |rest: &str| new.contains(identifier(rest));
    let concerns = |line: &&str| {
        if let Some(rest) = line.strip_prefix("GRANT ") {
            let member = rest[identifier(rest).len()..].strip_prefix(" TO ");
            return is_new(rest) || member.is_some_and(is_new);
        }
        let about = ["CREATE ROLE ", "ALTER ROLE "].iter().find_map(|start| line.strip_prefix(start));
        about.is_some_and(is_new)
    };
    dumped.lines().filter(concerns).map(|line| format!("{line}\n")).collect()
}

/// The name that a text begins with, in quotes where it has some.
fn identifier(text: &str) -> &str {
    let Some(quoted) = text.strip_prefix('"') else {
        return text.split([' ', ';']).next().unwrap_or_default();
    };
    // A doubled quote stands for one of the name.
    let mut bytes = quoted.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'"' && quoted.as_bytes().get(at + 1) != Some(&b'"') {
            return &text[..at + 2];
        }
        if byte == b'"' {
            bytes.next();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_roles_that_are_missing_are_made() {
        let dumped = "SET client_encoding = 'UTF8';\n\
            CREATE ROLE owner;\nALTER ROLE owner WITH SUPERUSER LOGIN;\n\
            CREATE ROLE \"read \"\"er\";\nALTER ROLE \"read \"\"er\" WITH LOGIN;\n\
            GRANT readers TO \"read \"\"er\" GRANTED BY owner;\nGRANT readers TO owner GRANTED BY owner;\n\
            GRANT \"read \"\"er\" TO owner GRANTED BY owner;\n";
        let known = ["owner".to_owned()].into();
        assert_eq!(
            missing_roles(dumped, &known),
            "CREATE ROLE \"read \"\"er\";\nALTER ROLE \"read \"\"er\" WITH LOGIN;\n\
             GRANT readers TO \"read \"\"er\" GRANTED BY owner;\nGRANT \"read \"\"er\" TO owner GRANTED BY owner;\n"
        );
        assert_eq!(missing_roles("", &known), "");
        assert_eq!(missing_roles(dumped, &["owner".to_owned(), "\"read \"\"er\"".to_owned()].into()), "");
    }

    #[test]
    fn no_secret_is_in_a_script() {
        let order = order("exec pg_dump", &[("PDEX_DATABASE", "shop")]);
        assert!(order.argv[2].contains("$(cat \"${POSTGRES_PASSWORD_FILE:-/dev/null}\")"));
        assert_eq!(order.environment.keys().collect::<Vec<_>>(), ["PDEX_DATABASE"]);
    }
}
