//! Whether what is stored can be trusted. Reads everything, so it takes its time on a large list.

use diesel::{RunQueryDsl, sql_query, sql_types::Text};
use todo_otel_runtime::db_span;

use super::{Store, StoreError, conn::Conn};

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

impl Store {
    /// What is damaged, at most 40 lines. A server looks after its own pages: there it is only asked whether it answers.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.store.check", system = self.system(), operation = "SELECT")]
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        self.with(|conn| match conn {
            Conn::Sqlite(conn) => {
                let pages =
                    "SELECT integrity_check AS text FROM pragma_integrity_check WHERE integrity_check <> 'ok' LIMIT 20";
                let references = "SELECT \"table\" || ' refers to a missing row of ' || parent AS text \
                                  FROM pragma_foreign_key_check LIMIT 20";
                let mut lines: Vec<Line> = sql_query(pages).load(conn)?;
                lines.extend(sql_query(references).load::<Line>(conn)?);
                Ok(lines.into_iter().map(|line| line.text).collect())
            }
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => {
                sql_query("SELECT 1").execute(conn)?;
                Ok(Vec::new())
            }
        })
    }
}
