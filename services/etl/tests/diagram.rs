//! The diagram of the schema is made from the migrations: applied to a real PostgreSQL, read from its catalogue, compared with the file.
//! `PDEX_WRITE_SCHEMA=1` writes the file instead.

mod support;

use std::path::Path;

use dex::schema;
use support::{Database, texts};

/// `table|column|type|marks|comment`, keys and foreign keys marked.
const COLUMNS: &str = "
    SELECT concat_ws('|', c.relname, a.attname, replace(format_type(a.atttypid, a.atttypmod), ' ', '_'),
        concat_ws(', ',
            CASE WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attnum = ANY (k.conkey))
                THEN 'PK' END,
            CASE WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey))
                THEN 'FK' END),
        replace(coalesce(col_description(c.oid, a.attnum), ''), '\"', ''))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY c.relname, a.attnum";
/// One line of the diagram for each foreign key; those to `sources` would be a line from every table and are said in words.
const KEYS: &str = "
    SELECT format('    %s ||--o%s %s : \"%s\"', k.confrelid::regclass, CASE WHEN u.is_key THEN '|' ELSE '{' END, k.conrelid::regclass,
        (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)))
    FROM pg_constraint k CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_constraint p
        WHERE p.conrelid = k.conrelid AND p.contype IN ('p', 'u') AND p.conkey = k.conkey) AS is_key) AS u
    WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND k.confrelid <> 'sources'::regclass ORDER BY 1";
const TABLES: &str = "
    SELECT concat_ws('|', c.relname, coalesce(obj_description(c.oid), '')) FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') ORDER BY c.relname";

const HEAD: &str = "# The schema\n\nMade from the migrations by `tests/with-postgres.sh env PDEX_WRITE_SCHEMA=1 cargo test -p etl --test diagram`; \
                    a test compares it. Do not edit.\n\nEvery table of the domain has `source` (a key of `sources`: who says so) and `document` \
                    (where); the diagram leaves those keys out.\n";

#[tokio::test]
async fn the_diagram_is_that_of_the_migrations() {
    let Some(database) = Database::create().await else { return };
    let mut client = database.connect().await;
    schema::migrate(&mut client).await.unwrap();
    let mut text = vec![format!("{HEAD}\n| table | |\n|---|---|\n")];
    for line in texts(&client, TABLES).await {
        let (name, comment) = line.split_once('|').unwrap_or((&line, ""));
        text.push(format!("| `{name}` | {comment} |\n"));
    }
    text.push("\n```mermaid\nerDiagram\n".to_owned());
    let mut open = String::new();
    for line in texts(&client, COLUMNS).await {
        let parts: Vec<&str> = line.split('|').collect();
        let [table, column, kind, marks, comment] = parts[..] else { panic!("{line}") };
        if open != table {
            text.push(if open.is_empty() { "" } else { "    }\n" }.to_owned());
            text.push(format!("    {table} {{\n"));
            table.clone_into(&mut open);
        }
        let marks = if marks.is_empty() { String::new() } else { format!(" {marks}") };
        let comment = if comment.is_empty() { String::new() } else { format!(" \"{comment}\"") };
        text.push(format!("        {kind} {column}{marks}{comment}\n"));
    }
    text.push("    }\n".to_owned());
    for line in texts(&client, KEYS).await {
        text.push(format!("{line}\n"));
    }
    text.push("```\n".to_owned());
    let text = text.concat();
    database.drop_it().await;

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dex/SCHEMA.md");
    if std::env::var_os("PDEX_WRITE_SCHEMA").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == text,
        "{} is not that of the migrations: write it again, as its head says",
        file.display()
    );
}
