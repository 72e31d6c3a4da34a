//! What happens to encoded data on their way out.

use std::time::Duration;

use crate::config::{
    DeliveryConfig, Durability, Role,
    builder::ConfigBuilder,
    file,
    source::Layers,
    value::{boolean, bytes, duration, millis, number, one_of},
};

const MIB: u64 = 1024 * 1024;
/// Traces kept once there is an endpoint.
pub(super) const KEEP_LAST: u32 = 50;

pub(super) fn resolve(layers: &mut Layers, builder: &ConfigBuilder, has_endpoint: bool) -> DeliveryConfig {
    let cli = builder.role == Role::Cli;
    let state_dir = file::base_directory(layers, "XDG_STATE_HOME", ".local/state")
        .map(|base| base.join(&builder.app).join("telemetry"));
    let durabilities = [("process", Durability::Process), ("file", Durability::File), ("full", Durability::Full)];
    let spool_max_bytes =
        layers.parse("{APP}_SPOOL_MAX_BYTES", bytes).unwrap_or(if cli { 64 * MIB } else { 256 * MIB });
    let spool_max_age = layers.parse("{APP}_SPOOL_MAX_AGE", duration).unwrap_or(Duration::from_secs(72 * 3600));
    let child_would_die =
        layers.plain("CI").is_some() || layers.plain("INVOCATION_ID").is_some() || std::process::id() == 1;
    let detached_flush = layers.parse("{APP}_DETACHED_FLUSH", boolean).unwrap_or(!child_would_die);
    let spool = state_dir.is_some() && spool_max_bytes > 0 && !spool_max_age.is_zero();
    let drainer = builder.drainer.unwrap_or_else(crate::telemetry::on_start_was_called);
    let sends_itself = cli && !(detached_flush && drainer && spool);
    DeliveryConfig {
        state_dir,
        durability: layers.parse("{APP}_DURABILITY", |text| one_of(text, &durabilities)).unwrap_or(if cli {
            Durability::Process
        } else {
            Durability::File
        }),
        spool_max_bytes,
        spool_max_age,
        detached_flush,
        exit_flush: layers.parse("{APP}_EXIT_FLUSH_MS", millis).unwrap_or(Duration::from_millis(if sends_itself {
            200
        } else {
            0
        })),
        exit_budget: layers.parse("{APP}_EXIT_BUDGET_MS", millis).unwrap_or(Duration::from_millis(if cli {
            250
        } else {
            5_000
        })),
        destination_id: layers.parse("{APP}_DESTINATION_ID", |text| Ok(text.to_owned())),
        keep_last: layers.parse("{APP}_KEEP_LAST", |text| number(text, 0..=u32::MAX)).unwrap_or(if has_endpoint {
            50
        } else {
            0
        }),
    }
}
