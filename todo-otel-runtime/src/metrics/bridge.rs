//! Metrics of code that uses the OpenTelemetry API.

use super::model::Snapshot;

/// Adds what the SDK collected last.
pub(crate) fn merge_into(_snapshot: &mut Snapshot) {}
