//! The content of the domain's tables as text, provenance included, row versions and bookkeeping not.

use tokio_postgres::Client;

/// Every table with a `source` column but those of the ETL's own bookkeeping.
pub(crate) async fn dump(client: &Client) -> Vec<String> {
    let mut lines = Vec::new();
    for table in etl::load::table_names() {
        let query = format!("SELECT '{table} ' || row(t.*)::text FROM {table} t ORDER BY 1");
        lines.extend(super::support::texts(client, &query).await);
    }
    lines
}

/// The same as one digest, made by the server.
pub(crate) async fn digest(client: &Client) -> String {
    let tables: Vec<String> = etl::load::table_names()
        .map(|table| format!("SELECT '{table} ' || row(t.*)::text AS line FROM {table} t"))
        .collect();
    let all = tables.join(" UNION ALL ");
    let query =
        format!("SELECT md5(string_agg(line, E'\\n' ORDER BY line COLLATE \"C\")) FROM ({all}) AS lines");
    super::support::texts(client, &query).await.remove(0)
}
