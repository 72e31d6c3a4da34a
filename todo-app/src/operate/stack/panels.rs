//! What the six dashboards show. Every metric named here is in the table of names; a test compares.

use super::dashboard::{Dashboard, Kind, Panel, Target};

/// All dashboards, in the order of their links.
pub fn dashboards() -> Vec<Dashboard> {
    vec![service_health(), ai(), business(), infrastructure(), slo(), telemetry()]
}

fn panel(
    title: &'static str,
    unit: &'static str,
    kind: Kind,
    description: &'static str,
    targets: Vec<Target>,
) -> Panel {
    Panel { title, description, unit, kind, targets, alarm: None }
}

fn quantiles(metric: &str, by: &str, filter: &str, legends: [&'static str; 3]) -> Vec<Target> {
    [0.5, 0.95, 0.99]
        .into_iter()
        .zip(legends)
        .map(|(quantile, legend)| {
            Target::latency(
                format!("histogram_quantile({quantile}, sum by ({by}) (rate({metric}_bucket{{$F{filter}}}[$__rate_interval])))"),
                legend,
            )
        })
        .collect()
}

/// Growth of a counter over the range as an exact integer: totals only ever rise and survive restarts.
fn exact(metric: &str, filter: &str) -> String {
    let series = format!("{metric}{{$F{filter}}}");
    format!("sum(max_over_time({series}[$__range]) - min_over_time({series}[$__range]))")
}

/// Servers make some series at their first event only; 0 until then, as long as they are scraped.
fn since_first(query: &str) -> String {
    format!(r#"{query} or 0 * max(up{{job="stack"}})"#)
}

fn service_health() -> Dashboard {
    let command = r#",todo_command=~"$command""#;
    Dashboard {
        uid: "todo-service-health",
        title: "Todo: service health",
        guide: "Errors high? Open *Errors by class*, then *Failed runs* for a trace. Slow? Click an exemplar in *Latency*. Nothing at all? See the dashboard *Todo: telemetry*.",
        from: "now-6h",
        panels: vec![
            panel(
                "Commands per hour",
                "short",
                Kind::TimeSeries,
                "Finished commands by verb. A silent command line is normal.",
                vec![Target::range(
                    format!(
                        "3600 * sum by (todo_command) (rate(todo_commands_total{{$F{command}}}[$__rate_interval]))"
                    ),
                    "{{todo_command}}",
                )],
            ),
            Panel {
                alarm: Some(0.05),
                ..panel(
                    "Error ratio",
                    "percentunit",
                    Kind::TimeSeries,
                    "Share of commands that ended with an error. Worry above 5 %.",
                    vec![Target::range(
                        "sum by (todo_command) (rate(todo_command_errors_total{$F}[$__rate_interval])) / (sum by (todo_command) (rate(todo_commands_total{$F}[$__rate_interval])) > 0)",
                        "{{todo_command}}",
                    )],
                )
            },
            panel(
                "Errors by class",
                "short",
                Kind::Table,
                "Which errors, in which command, in this range.",
                vec![Target::instant(
                    "sum by (todo_command, error_type) (increase(todo_command_errors_total{$F}[$__range]))",
                    "",
                )],
            ),
            panel(
                "Latency",
                "s",
                Kind::TimeSeries,
                "How long commands take; dots are exemplars that lead to traces.",
                quantiles("todo_command_duration_seconds", "le", command, ["p50", "p95", "p99"]),
            ),
            panel(
                "Latency distribution",
                "s",
                Kind::Heatmap,
                "Every bucket over time; two bands mean two kinds of commands.",
                vec![Target::range(
                    format!(
                        "sum by (le) (increase(todo_command_duration_seconds_bucket{{$F{command}}}[$__rate_interval]))"
                    ),
                    "{{le}}",
                )],
            ),
            panel(
                "Error budget left",
                "percentunit",
                Kind::Stat,
                "Of the 30-day budget of the objective on commands. At 0 the objective is broken.",
                vec![Target::instant(
                    r#"slo:period_error_budget_remaining:ratio{sloth_slo="command-success"}"#,
                    "budget left",
                )],
            ),
            panel(
                "Burn rate",
                "short",
                Kind::Stat,
                "1 spends the budget in exactly 30 days; 14.4 pages.",
                vec![Target::instant(r#"slo:current_burn_rate:ratio{sloth_slo="command-success"}"#, "burn rate")],
            ),
            panel(
                "Worker up",
                "s",
                Kind::Stat,
                "Uptime of each worker: the heartbeat.",
                vec![Target::instant("max by (instance) (process_uptime_seconds{$F})", "{{instance}}")],
            ),
            panel(
                "Cross-check from spans, per hour",
                "short",
                Kind::TimeSeries,
                "The same commands counted from their spans by Tempo; differs from the counters only while data wait in a spool.",
                vec![Target::range(
                    r#"3600 * sum by (span_name, status_code) (rate(traces_spanmetrics_calls_total{service_name=~"$service",span_name=~"todo.command.+"}[$__rate_interval]))"#,
                    "{{span_name}} {{status_code}}",
                )],
            ),
            panel(
                "Slow runs",
                "s",
                Kind::Traces,
                "Commands over half a second.",
                vec![Target::traces(
                    r#"{ resource.service.namespace = "todo" && name =~ "todo.command.+" && duration > 500ms }"#,
                )],
            ),
            panel(
                "Failed runs",
                "s",
                Kind::Traces,
                "Traces with an error.",
                vec![Target::traces(r#"{ resource.service.namespace = "todo" && status = error }"#)],
            ),
            panel(
                "Recent errors",
                "short",
                Kind::Logs,
                "Log records of severity ERROR and above.",
                vec![Target::logs(
                    r#"{service_namespace="todo", deployment_environment_name=~"$environment"} | severity_text=~"ERROR|FATAL""#,
                    "",
                )],
            ),
            panel(
                "Exceptions by class",
                "short",
                Kind::TimeSeries,
                "Exceptions in the logs by type.",
                vec![Target::logs(
                    r#"sum by (exception_type) (count_over_time({service_namespace="todo", deployment_environment_name=~"$environment"} | severity_text=~"WARN|ERROR|FATAL" | exception_type!="" [$__auto]))"#,
                    "{{exception_type}}",
                )],
            ),
        ],
    }
}

fn ai() -> Dashboard {
    Dashboard {
        uid: "todo-ai",
        title: "Todo: AI performance",
        guide: "Slow? Compare *Enrichment* with *Provider call*: the difference is ours. Failing? *Outcomes* and *Provider errors* name the class; 429 means the vendor's limit.",
        from: "now-6h",
        panels: vec![
            panel(
                "Enrichment",
                "s",
                Kind::TimeSeries,
                "Whole enrichments with retries, by model.",
                quantiles(
                    "ai_enrichment_duration_seconds",
                    "le, gen_ai_request_model",
                    "",
                    ["p50 {{gen_ai_request_model}}", "p95 {{gen_ai_request_model}}", "p99 {{gen_ai_request_model}}"],
                ),
            ),
            panel(
                "Done within 5 s",
                "percentunit",
                Kind::Stat,
                "Share of enrichments by a vendor that ended well within 5 s; the objective is 95 %.",
                vec![Target::instant(
                    r#"sum(increase(ai_enrichment_duration_seconds_bucket{$F,gen_ai_provider_name!="local",outcome="ok",le=~"5(\\.0)?"}[$__range])) / sum(increase(ai_enrichment_duration_seconds_count{$F,gen_ai_provider_name!="local",outcome!="cancelled"}[$__range]))"#,
                    "within 5 s",
                )],
            ),
            panel(
                "Outcomes",
                "short",
                Kind::Table,
                "Enrichments by outcome and class of error.",
                vec![Target::instant(
                    "sum by (outcome, error_type) (increase(ai_enrichment_duration_seconds_count{$F}[$__range]))",
                    "",
                )],
            ),
            panel(
                "Provider call",
                "s",
                Kind::TimeSeries,
                "One logical call of a model with all its attempts.",
                quantiles(
                    "gen_ai_client_operation_duration_seconds",
                    "le, gen_ai_provider_name, gen_ai_request_model",
                    "",
                    ["p50 {{gen_ai_request_model}}", "p95 {{gen_ai_request_model}}", "p99 {{gen_ai_request_model}}"],
                ),
            ),
            panel(
                "Provider errors",
                "short",
                Kind::Table,
                "Failed calls by vendor and class.",
                vec![Target::instant(
                    r#"sum by (gen_ai_provider_name, error_type) (increase(gen_ai_client_operation_duration_seconds_count{$F,error_type!=""}[$__range]))"#,
                    "",
                )],
            ),
            panel(
                "Attempts that had to be retried",
                "short",
                Kind::TimeSeries,
                "HTTP attempts answered with 429 or a server error.",
                vec![Target::range(
                    r#"sum by (server_address, http_response_status_code) (increase(http_client_request_duration_seconds_count{$F,http_response_status_code=~"429|5.."}[$__rate_interval]))"#,
                    "{{server_address}} {{http_response_status_code}}",
                )],
            ),
            panel(
                "Tokens",
                "short",
                Kind::TimeSeries,
                "Billable tokens by direction and model.",
                vec![Target::range(
                    "sum by (gen_ai_token_type, gen_ai_request_model) (increase(gen_ai_client_token_usage_sum{$F}[$__rate_interval]))",
                    "{{gen_ai_token_type}} {{gen_ai_request_model}}",
                )],
            ),
            panel(
                "Cost (estimate)",
                "currencyUSD",
                Kind::Stat,
                "Tokens times the prices typed above; the vendor's bill is the truth.",
                vec![Target::instant(
                    r#"(sum(increase(gen_ai_client_token_usage_sum{$F,gen_ai_token_type="input"}[$__range])) * $price_in + sum(increase(gen_ai_client_token_usage_sum{$F,gen_ai_token_type="output"}[$__range])) * $price_out) / 1e6"#,
                    "cost",
                )],
            ),
            panel(
                "Slow model calls",
                "s",
                Kind::Traces,
                "Calls over 5 s.",
                vec![Target::traces(
                    r#"{ resource.service.namespace = "todo" && span.gen_ai.request.model != nil && duration > 5s }"#,
                )],
            ),
            panel(
                "Wait in the queue, longest",
                "s",
                Kind::TimeSeries,
                "How long a job waited before a worker took it.",
                vec![Target::traces(r#"{ name = "process enrichment" } | max_over_time(span.todo.job.queue_time)"#)],
            ),
            panel(
                "Model call from spans, p95",
                "s",
                Kind::TimeSeries,
                "The same as *Provider call*, measured on spans.",
                vec![Target::traces(
                    r#"{ span.gen_ai.operation.name = "chat" } | quantile_over_time(duration, 0.95) by (span.gen_ai.request.model)"#,
                )],
            ),
        ],
    }
}

fn business() -> Dashboard {
    let by = "gen_ai_request_model, todo_suggestion_field";
    Dashboard {
        uid: "todo-business",
        title: "Todo: business",
        guide: "Totals are exact: counters of commands are merged on disk before they are exported. Acceptance far below 80 %: look at the fields that people reject.",
        from: "now-30d",
        panels: vec![
            panel(
                "Created and completed",
                "short",
                Kind::Stat,
                "Todos in this range, exact.",
                vec![
                    Target::instant(exact("todos_created_total", ""), "created"),
                    Target::instant(exact("todos_completed_total", ""), "completed"),
                ],
            ),
            panel(
                "Completion rate",
                "percentunit",
                Kind::Stat,
                "Completed of created in this range.",
                vec![Target::instant(
                    format!("{} / ({} > 0)", exact("todos_completed_total", ""), exact("todos_created_total", "")),
                    "completed",
                )],
            ),
            panel(
                "Open and overdue",
                "short",
                Kind::Stat,
                "As the worker sees the database.",
                vec![
                    Target::instant("sum(todos_open{$F})", "open"),
                    Target::instant("sum(todos_overdue{$F})", "overdue"),
                ],
            ),
            panel(
                "Time to completion, median",
                "s",
                Kind::Stat,
                "From creation to completion.",
                vec![Target::instant(
                    "histogram_quantile(0.5, sum by (le) (increase(todo_completion_time_seconds_bucket{$F}[$__range])))",
                    "median",
                )],
            ),
            panel(
                "Funnel",
                "short",
                Kind::Stat,
                "From created todos to accepted suggestions, exact.",
                vec![
                    Target::instant(exact("todos_created_total", ""), "created"),
                    Target::instant(exact("ai_enrichment_duration_seconds_count", r#",outcome="ok""#), "enriched"),
                    Target::instant(exact("ai_suggestions_offered_total", ""), "offered"),
                    Target::instant(exact("ai_suggestions_accepted_total", ""), "accepted"),
                ],
            ),
            panel(
                "Acceptance by model and field",
                "percentunit",
                Kind::Table,
                "Accepted of decided suggestions; the objective is 80 %.",
                vec![Target::instant(
                    format!(
                        "sum by ({by}) (increase(ai_suggestions_accepted_total{{$F}}[$__range])) / (sum by ({by}) (increase(ai_suggestions_accepted_total{{$F}}[$__range])) + sum by ({by}) (increase(ai_suggestions_rejected_total{{$F}}[$__range])) > 0)"
                    ),
                    "",
                )],
            ),
            panel(
                "Feature adoption",
                "short",
                Kind::Table,
                "The ten verbs people use most.",
                vec![Target::instant(
                    "topk(10, sum by (todo_command) (increase(todo_commands_total{$F}[$__range])))",
                    "",
                )],
            ),
            panel(
                "Activity by hour",
                "short",
                Kind::TimeSeries,
                "Commands in each hour.",
                vec![Target::range("sum(increase(todo_commands_total{$F}[1h]))", "commands")],
            ),
            panel(
                "Active installations",
                "short",
                Kind::Stat,
                "Workers seen in the last day.",
                vec![Target::instant(
                    "count(count by (instance) (last_over_time(process_uptime_seconds{$F}[1d])))",
                    "installations",
                )],
            ),
        ],
    }
}

fn infrastructure() -> Dashboard {
    Dashboard {
        uid: "todo-infrastructure",
        title: "Todo: infrastructure",
        guide: "Slow database? *Slow queries* shows the statements. Jobs waiting and growing: the worker is too slow or gone.",
        from: "now-6h",
        panels: vec![
            panel(
                "Database operations",
                "s",
                Kind::TimeSeries,
                "By operation and table.",
                quantiles(
                    "db_client_operation_duration_seconds",
                    "le, db_operation_name, db_collection_name",
                    "",
                    [
                        "p50 {{db_operation_name}} {{db_collection_name}}",
                        "p95 {{db_operation_name}} {{db_collection_name}}",
                        "p99 {{db_operation_name}} {{db_collection_name}}",
                    ],
                ),
            ),
            panel(
                "Database errors",
                "short",
                Kind::Table,
                "Failed operations by class.",
                vec![Target::instant(
                    r#"sum by (db_operation_name, error_type) (increase(db_client_operation_duration_seconds_count{$F,error_type!=""}[$__range]))"#,
                    "",
                )],
            ),
            Panel {
                alarm: Some(1.0),
                ..panel(
                    "Connection errors",
                    "short",
                    Kind::Stat,
                    "Any is worth a look.",
                    vec![Target::instant(
                        "sum by (db_system_name, error_type) (increase(database_connection_errors_total{$F}[$__range]))",
                        "{{db_system_name}} {{error_type}}",
                    )],
                )
            },
            panel(
                "Pool",
                "short",
                Kind::TimeSeries,
                "Connections in use and by state.",
                vec![
                    Target::range(
                        "sum by (db_client_connection_pool_name) (database_connections_active{$F})",
                        "active {{db_client_connection_pool_name}}",
                    ),
                    Target::range(
                        "sum by (db_client_connection_state) (db_client_connection_count{$F})",
                        "{{db_client_connection_state}}",
                    ),
                ],
            ),
            panel(
                "Wait for a connection, p95",
                "s",
                Kind::TimeSeries,
                "Above zero for long: the pool is too small.",
                vec![Target::latency(
                    "histogram_quantile(0.95, sum by (le) (rate(db_client_connection_wait_time_seconds_bucket{$F}[$__rate_interval])))",
                    "p95",
                )],
            ),
            panel(
                "Slow queries",
                "s",
                Kind::Traces,
                "Database spans over 100 ms.",
                vec![Target::traces(
                    r#"{ resource.service.namespace = "todo" && span.db.system.name != nil && duration > 100ms }"#,
                )],
            ),
            panel(
                "API rate limit left",
                "short",
                Kind::TimeSeries,
                "Requests the vendor still allows in its window.",
                vec![Target::range(
                    "min by (gen_ai_provider_name) (api_rate_limit_remaining{$F})",
                    "{{gen_ai_provider_name}}",
                )],
            ),
            panel(
                "Jobs waiting",
                "short",
                Kind::TimeSeries,
                "Enrichment jobs not yet taken.",
                vec![Target::range("sum(todo_jobs_pending{$F})", "waiting")],
            ),
            panel(
                "Oldest job",
                "s",
                Kind::Stat,
                "Age of the oldest job not yet taken.",
                vec![Target::instant("max(todo_jobs_oldest_age_seconds{$F})", "oldest")],
            ),
            panel(
                "Job processing, p95",
                "s",
                Kind::TimeSeries,
                "Time a worker spends on a job.",
                vec![Target::latency(
                    "histogram_quantile(0.95, sum by (le) (rate(messaging_process_duration_seconds_bucket{$F}[$__rate_interval])))",
                    "p95",
                )],
            ),
            panel(
                "Worker CPU",
                "percentunit",
                Kind::TimeSeries,
                "Share of one core.",
                vec![Target::range(
                    "sum by (cpu_mode) (rate(process_cpu_time_seconds_total{$F}[$__rate_interval]))",
                    "{{cpu_mode}}",
                )],
            ),
            panel(
                "Worker memory",
                "bytes",
                Kind::TimeSeries,
                "Resident memory; a slope that does not end is a leak.",
                vec![Target::range("max by (instance) (process_memory_usage_bytes{$F})", "{{instance}}")],
            ),
            panel(
                "Threads and descriptors",
                "short",
                Kind::TimeSeries,
                "Both should be flat.",
                vec![
                    Target::range("max by (instance) (process_thread_count{$F})", "threads {{instance}}"),
                    Target::range(
                        "max by (instance) (process_unix_file_descriptor_count{$F})",
                        "descriptors {{instance}}",
                    ),
                ],
            ),
            panel(
                "Stack up",
                "short",
                Kind::Stat,
                "The servers that hold these data: 1 = up.",
                vec![Target::instant(r#"up{job="stack"}"#, "{{instance}}")],
            ),
        ],
    }
}

fn slo() -> Dashboard {
    let burn =
        |window: &str| format!("slo:sli_error:ratio_rate{window} / on (sloth_id) group_left () slo:error_budget:ratio");
    Dashboard {
        uid: "todo-slo",
        title: "Todo: objectives",
        guide: "Burn rate 1 spends a 30-day budget in 30 days. Lines that matter: 14.4 over 1 h and 6 over 6 h page, 3 over 1 d and 1 over 3 d open a ticket.",
        from: "now-30d",
        panels: vec![
            panel(
                "Objective",
                "percentunit",
                Kind::Stat,
                "What was promised, per objective.",
                vec![Target::instant("slo:objective:ratio", "{{sloth_slo}}")],
            ),
            panel(
                "Budget left",
                "percentunit",
                Kind::TimeSeries,
                "Share of the 30-day budget that is left.",
                vec![Target::range("slo:period_error_budget_remaining:ratio", "{{sloth_slo}}")],
            ),
            panel(
                "Burn over 5 m",
                "short",
                Kind::TimeSeries,
                "Fast and noisy: confirms the longer windows.",
                vec![Target::range(burn("5m"), "{{sloth_slo}}")],
            ),
            Panel {
                alarm: Some(14.4),
                ..panel(
                    "Burn over 1 h",
                    "short",
                    Kind::TimeSeries,
                    "Pages at 14.4.",
                    vec![Target::range(burn("1h"), "{{sloth_slo}}")],
                )
            },
            Panel {
                alarm: Some(6.0),
                ..panel(
                    "Burn over 6 h",
                    "short",
                    Kind::TimeSeries,
                    "Pages at 6.",
                    vec![Target::range(burn("6h"), "{{sloth_slo}}")],
                )
            },
            Panel {
                alarm: Some(1.0),
                ..panel(
                    "Burn over 3 d",
                    "short",
                    Kind::TimeSeries,
                    "A ticket at 1.",
                    vec![Target::range(burn("3d"), "{{sloth_slo}}")],
                )
            },
        ],
    }
}

fn telemetry() -> Dashboard {
    Dashboard {
        uid: "todo-telemetry",
        title: "Todo: telemetry",
        guide: "Can the other dashboards be trusted? Drops above zero or an old unsent item: no, not fully. `todo telemetry status` tells more on the machine itself.",
        from: "now-6h",
        panels: vec![
            Panel {
                alarm: Some(1.0),
                ..panel(
                    "Dropped by reason",
                    "short",
                    Kind::Table,
                    "Items lost, by signal and reason; sampled and suppressed are decisions, not losses.",
                    vec![Target::instant(
                        "sum by (todo_telemetry_signal, todo_telemetry_reason) (increase(todo_telemetry_dropped_total{$F}[$__range]))",
                        "",
                    )],
                )
            },
            Panel {
                alarm: Some(900.0),
                ..panel(
                    "Oldest unsent item",
                    "s",
                    Kind::TimeSeries,
                    "Grows while the backend is away.",
                    vec![Target::range("max by (instance) (todo_telemetry_export_age_seconds{$F})", "{{instance}}")],
                )
            },
            panel(
                "Spool",
                "bytes",
                Kind::TimeSeries,
                "Bytes waiting on disk.",
                vec![Target::range("max by (instance) (todo_telemetry_spool_size_bytes{$F})", "{{instance}}")],
            ),
            panel(
                "Exported per second",
                "short",
                Kind::TimeSeries,
                "Spans, log records and data points that were answered or dropped.",
                vec![
                    Target::range(
                        "sum by (error_type) (rate(otel_sdk_exporter_span_exported_total{$F}[$__rate_interval]))",
                        "spans {{error_type}}",
                    ),
                    Target::range(
                        "sum by (error_type) (rate(otel_sdk_exporter_log_exported_total{$F}[$__rate_interval]))",
                        "logs {{error_type}}",
                    ),
                    Target::range(
                        "sum by (error_type) (rate(otel_sdk_exporter_metric_data_point_exported_total{$F}[$__rate_interval]))",
                        "points {{error_type}}",
                    ),
                ],
            ),
            panel(
                "Export, p99",
                "s",
                Kind::TimeSeries,
                "One request to the backend.",
                vec![Target::range(
                    "histogram_quantile(0.99, sum by (le) (rate(otel_sdk_exporter_operation_duration_seconds_bucket{$F}[$__rate_interval])))",
                    "p99",
                )],
            ),
            panel(
                "Series in use",
                "short",
                Kind::Stat,
                "Should not grow with use.",
                vec![Target::instant(r#"count({__name__=~"todo_.+|todos_.+|ai_.+"})"#, "series")],
            ),
            panel(
                "Overflowed series",
                "short",
                Kind::Stat,
                "Above zero: an instrument met its limit of series.",
                vec![Target::instant(r#"count({otel_metric_overflow="true"}) or vector(0)"#, "overflow")],
            ),
            panel(
                "Collector refused and failed",
                "short",
                Kind::TimeSeries,
                "Spans the Collector did not take or could not pass on.",
                vec![
                    Target::range(
                        since_first("sum by (receiver) (increase(otelcol_receiver_refused_spans_total[10m]))"),
                        "refused {{receiver}}",
                    ),
                    Target::range(
                        since_first("sum by (exporter) (increase(otelcol_exporter_send_failed_spans_total[10m]))"),
                        "failed {{exporter}}",
                    ),
                ],
            ),
            panel(
                "Backend discards",
                "short",
                Kind::TimeSeries,
                "Data the servers threw away after accepting them.",
                vec![
                    Target::range(
                        since_first("sum by (reason) (increase(loki_discarded_samples_total[10m]))"),
                        "Loki {{reason}}",
                    ),
                    Target::range(since_first("sum(increase(tempo_discarded_spans_total[10m]))"), "Tempo"),
                ],
            ),
        ],
    }
}
