//! The file that `todo config init` writes: every setting with its default, commented out.

/// Text of a new configuration file.
pub const TEMPLATE: &str = r#"# Configuration of `todo`. Everything here is optional; what is commented out shows the default.
# A flag beats an environment variable, a variable beats this file. `todo config show` names value and source.
# "${NAME}" and "${NAME:-default}" in a text stand for an environment variable.

[ai]
# Who enriches todos: "openai", "anthropic", "local" (built-in rules, offline), or
# "auto": OpenAI if OPENAI_API_KEY or OPENAI_BASE_URL is set, else Anthropic by the same rule, else local.
# Environment: TODO_AI_PROVIDER
# provider = "auto"

# Model, as the vendor spells it. Default: gpt-4.1-mini, claude-haiku-4-5. Environment: TODO_AI_MODEL
# model = ""

# Server, with or without /v1; needs an explicit provider. Environment: OPENAI_BASE_URL, ANTHROPIC_BASE_URL
# A server on this machine may use http, for example Ollama at http://localhost:11434
# base_url = ""

# The key: best in the environment (OPENAI_API_KEY, ANTHROPIC_API_KEY), else in a file that only you can read (0600).
# api_key_file = ""
# api_key = "${MY_API_KEY}"

# OpenAI and compatible servers: "responses", "chat_completions", or "auto".
# api = "auto"

# Longest time for one request, and for one enrichment with all its retries.
# timeout = "10s"
# budget = "20s"

# What `todo add` does: "inline" (ask and wait), "background" (leave it to `todo worker`), "off".
# enrich = "inline"

# Plain http to a server that is not on this machine.
# allow_http = false

# More model names that may appear as a label of metrics; others count as _OTHER.
# models = []

[database]
# A path, sqlite://path or postgres://user@host/name. Environment: TODO_DATABASE_URL
# Default: ~/.local/share/todo/todo.db
# url = ""

[ui]
# "auto" (on a terminal), "always", "never". Environment: TODO_COLOR, NO_COLOR
# color = "auto"

# "relative" (tomorrow, Fri 4 Dec), "iso" (2026-12-04), or a pattern such as "%d.%m.%Y".
# date_format = "relative"

# "monday", "sunday" or "saturday".
# first_weekday = "monday"

[observability]
# Telemetry goes nowhere unless an endpoint is set here, below [grafana], or by OTEL_EXPORTER_OTLP_ENDPOINT.
# enabled = true
# environment = "development"
# log_level = "INFO"
# sample_rate = 1.0
# export_traces = true
# export_metrics = true
# export_logs = true
# cli_metrics = "ledger"
# keep = "errors,slow:5000"
# log_sample = 1.0
# exit_budget_ms = 250
# capture_ai_content = false
# sites = ""
# traces_per_second = 0
# adaptive = false
# detectors = "all"
# durability = "process"
# spool_max_bytes = 67108864
# spool_max_age = "72h"
# detached_flush = true
# exit_flush_ms = 0
# destination_id = ""
# strict = false
# n_plus_one = 5
# keep_last = 50
# job_context = "link"

[grafana]
# Base OTLP endpoint; api_key as "instance:token", accepted only from a file that its owner alone can read (0600).
# endpoint = ""
# api_key = "${GRAFANA_API_KEY}"
# api_key_file = ""
"#;
