//! What all processes know about an AI provider: its retry budget and its breaker, as JSON of the enricher's own.

use std::time::Duration;

use diesel::prelude::*;
use jiff::Timestamp;
use todo_otel_runtime::db_span;

use super::{Store, StoreError, schema::provider_state};

impl Store {
    /// The stored state, if there is one.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.provider_state.get", system = self.system(), operation = "SELECT", collection = "provider_state")]
    pub fn provider_state(&self, provider: &str) -> Result<Option<String>, StoreError> {
        self.with(|conn| {
            Ok(provider_state::table.find(provider).select(provider_state::state).first(conn).optional()?)
        })
    }

    /// Reads, changes and writes the state in one transaction, so that no other process comes between. Does not wait for
    /// one that is writing: whoever asks has a deadline of its own and can do without.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(
        name = "db.provider_state.update",
        system = self.system(),
        operation = "UPSERT",
        collection = "provider_state"
    )]
    pub fn update_provider_state<T>(
        &self,
        provider: &str,
        now: Timestamp,
        mut change: impl FnMut(Option<String>) -> (String, T),
    ) -> Result<T, StoreError> {
        self.with(|conn| {
            conn.waiting_at_most(Duration::ZERO, |conn| {
                conn.immediate_transaction(|conn| {
                    let old =
                        provider_state::table.find(provider).select(provider_state::state).first(conn).optional()?;
                    let (state, answer) = change(old);
                    let updated_at = now.as_millisecond();
                    let row = (provider_state::state.eq(&state), provider_state::updated_at.eq(updated_at));
                    let known = diesel::update(provider_state::table.find(provider)).set(row).execute(conn)?;
                    if known == 0 {
                        diesel::insert_into(provider_state::table)
                            .values((provider_state::provider.eq(provider), row))
                            .execute(conn)?;
                    }
                    Ok(answer)
                })
            })
        })
    }
}
