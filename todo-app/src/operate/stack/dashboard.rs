//! The shape of a Grafana dashboard (classic JSON, schema version 42: Grafana 10 to 13 and Cloud) and its rendering.
//! What the panels show stands in `panels`; nothing here knows a metric.

use serde_json::{Value, json};

/// Part of a query that selects this project's series; written `$F` in the panels.
pub const FILTER: &str = r#"service_namespace="todo",deployment_environment_name=~"$environment",service_name=~"$service",instance=~"$instance""#;

/// One file under `deploy/dashboards/`.
#[derive(Debug)]
pub struct Dashboard {
    /// Stable identifier, also the file's name without the prefix `todo-`.
    pub uid: &'static str,
    /// Title in Grafana.
    pub title: &'static str,
    /// What to do when something looks wrong; first panel.
    pub guide: &'static str,
    /// Default time range, such as `now-6h`.
    pub from: &'static str,
    /// Panels in reading order.
    pub panels: Vec<Panel>,
}

/// One panel.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Title.
    pub title: &'static str,
    /// Meaning, and when to worry.
    pub description: &'static str,
    /// Grafana unit id, such as `s`, `short`, `percentunit`.
    pub unit: &'static str,
    /// Visualisation.
    pub kind: Kind,
    /// Queries.
    pub targets: Vec<Target>,
    /// From this value on the panel is red.
    pub alarm: Option<f64>,
}

/// Visualisations in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "names of Grafana's panels")]
pub enum Kind {
    TimeSeries,
    Stat,
    Table,
    Heatmap,
    Logs,
    Traces,
}

/// One query of a panel.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server asked.
    pub source: Source,
    /// The query with `$F` for the filter.
    pub query: String,
    /// Legend, Grafana's `{{label}}` syntax.
    pub legend: &'static str,
    /// Evaluate once at the end of the range.
    pub instant: bool,
    /// Show exemplars.
    pub exemplar: bool,
}

/// A query language and its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// PromQL.
    Prometheus,
    /// LogQL.
    Loki,
    /// TraceQL search or metrics.
    Tempo,
}

impl Source {
    /// Grafana's id of the data source's type.
    pub fn id(self) -> &'static str {
        match self {
            Source::Prometheus => "prometheus",
            Source::Loki => "loki",
            Source::Tempo => "tempo",
        }
    }

    fn reference(self) -> Value {
        json!({"type": self.id(), "uid": format!("${{{}}}", self.id())})
    }
}

impl Target {
    /// PromQL over the range.
    pub fn range(query: impl Into<String>, legend: &'static str) -> Self {
        Self { source: Source::Prometheus, query: query.into(), legend, instant: false, exemplar: false }
    }

    /// PromQL once, at the end of the range.
    pub fn instant(query: impl Into<String>, legend: &'static str) -> Self {
        Self { instant: true, ..Self::range(query, legend) }
    }

    /// PromQL over the range with exemplars, for latencies.
    pub fn latency(query: impl Into<String>, legend: &'static str) -> Self {
        Self { exemplar: true, ..Self::range(query, legend) }
    }

    /// LogQL.
    pub fn logs(query: impl Into<String>, legend: &'static str) -> Self {
        Self { source: Source::Loki, ..Self::range(query, legend) }
    }

    /// TraceQL.
    pub fn traces(query: impl Into<String>) -> Self {
        Self { source: Source::Tempo, ..Self::range(query, "") }
    }

    /// The query as Grafana gets it.
    pub fn expression(&self) -> String {
        self.query.replace("$F", FILTER)
    }

    fn render(&self, index: usize, kind: Kind) -> Value {
        let id = char::from(b'A' + u8::try_from(index).unwrap_or(25)).to_string();
        let mut target = match self.source {
            Source::Tempo => {
                json!({"queryType": "traceql", "query": self.expression(), "limit": 20, "tableType": "traces"})
            }
            Source::Loki => json!({"expr": self.expression(), "queryType": "range", "legendFormat": self.legend}),
            Source::Prometheus => json!({
                "expr": self.expression(), "legendFormat": self.legend, "instant": self.instant,
                "range": !self.instant, "exemplar": self.exemplar,
                "format": match kind { Kind::Heatmap => "heatmap", Kind::Table => "table", _ => "time_series" },
            }),
        };
        target["refId"] = id.into();
        target["datasource"] = self.source.reference();
        target
    }
}

/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;

impl Dashboard {
    /// The dashboard as Grafana reads it.
    pub fn render(&self) -> Value {
        let mut panels = vec![json!({
            "id": 1, "type": "text", "title": "What to do", "description": "Where to start when something looks wrong.",
            "gridPos": {"x": 0, "y": 0, "w": 16, "h": 4},
            "options": {"mode": "markdown", "content": self.guide},
        })];
        panels.push(json!({
            "id": 2, "type": "alertlist", "title": "Alerts",
            "description": "Firing and pending alerts of this service; each links to its runbook.",
            "gridPos": {"x": 16, "y": 0, "w": 8, "h": 4},
            "options": {"alertInstanceLabelFilter": "{service=\"todo\"}", "viewMode": "list", "maxItems": 10,
                "stateFilter": {"firing": true, "pending": true, "noData": false, "normal": false, "error": true}},
        }));
        let (mut x, mut y, mut row_height) = (0, 4, 0);
        for (index, panel) in self.panels.iter().enumerate() {
            let (width, height) = panel.kind.size();
            if x + width > COLUMNS {
                (x, y) = (0, y + row_height);
                row_height = 0;
            }
            panels.push(panel.render(index + 3, json!({"x": x, "y": y, "w": width, "h": height})));
            x += width;
            row_height = row_height.max(height);
        }
        json!({
            "uid": self.uid, "title": self.title, "tags": ["todo"], "schemaVersion": 42, "editable": false,
            "graphTooltip": 1, "refresh": "30s", "timezone": "", "time": {"from": self.from, "to": "now"},
            "links": [{"type": "dashboards", "tags": ["todo"], "title": "todo", "asDropdown": true, "includeVars": true, "keepTime": true}],
            "annotations": {"list": [version_annotation()]},
            "templating": {"list": variables()},
            "panels": panels,
        })
    }
}

impl Kind {
    fn size(self) -> (u32, u32) {
        match self {
            Kind::Stat => (6, 5),
            Kind::TimeSeries | Kind::Heatmap => (12, 8),
            Kind::Table | Kind::Logs | Kind::Traces => (24, 8),
        }
    }

    fn grafana_type(self) -> &'static str {
        match self {
            Kind::TimeSeries => "timeseries",
            Kind::Stat => "stat",
            Kind::Table | Kind::Traces => "table",
            Kind::Heatmap => "heatmap",
            Kind::Logs => "logs",
        }
    }
}

impl Panel {
    fn render(&self, id: usize, position: Value) -> Value {
        let source = self.targets.first().map_or(Source::Prometheus, |target| target.source);
        let mut thresholds = vec![json!({"color": "green", "value": null})];
        thresholds.extend(self.alarm.map(|value| json!({"color": "red", "value": value})));
        let mut defaults = json!({
            "unit": self.unit, "noValue": "no data", "links": [explore_link()],
            "thresholds": {"mode": "absolute", "steps": thresholds},
        });
        if self.unit == "percentunit" {
            defaults["min"] = 0.into();
            defaults["max"] = 1.into();
        }
        let targets: Vec<_> = self.targets.iter().enumerate().map(|(i, target)| target.render(i, self.kind)).collect();
        json!({
            "id": id, "type": self.kind.grafana_type(), "title": self.title, "description": self.description,
            "datasource": source.reference(), "gridPos": position, "targets": targets, "interval": "15s",
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": match self.kind {
                Kind::Stat => json!({"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": "value_and_name", "graphMode": "none"}),
                Kind::TimeSeries => json!({"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}),
                Kind::Heatmap => json!({"calculate": false, "yAxis": {"unit": self.unit}, "exemplars": {"color": "orange"}}),
                Kind::Logs => json!({"showTime": true, "wrapLogMessage": true, "enableLogDetails": true}),
                Kind::Table | Kind::Traces => json!({}),
            },
        })
    }
}

/// To the traces of the same environment and time; `${…}` stays for Grafana to fill in.
fn explore_link() -> Value {
    let panes = concat!(
        "%7B%22a%22%3A%7B%22datasource%22%3A%22${tempo}%22%2C%22queries%22%3A%5B%7B%22refId%22%3A%22A%22%2C%22datasource%22%3A%7B",
        "%22type%22%3A%22tempo%22%2C%22uid%22%3A%22${tempo}%22%7D%2C%22queryType%22%3A%22traceql%22%2C%22query%22%3A%22%7B%20",
        "resource.service.namespace%20%3D%20%5C%22todo%5C%22%20%7D%22%2C%22limit%22%3A20%7D%5D%2C%22range%22%3A%7B%22from%22%3A%22",
        "${__from}%22%2C%22to%22%3A%22${__to}%22%7D%7D%7D"
    );
    json!({"title": "Traces of this time", "url": format!("/explore?schemaVersion=1&panes={panes}"), "targetBlank": true})
}

fn version_annotation() -> Value {
    json!({
        "name": "New version", "enable": true, "iconColor": "blue", "datasource": Source::Prometheus.reference(),
        "expr": "count by (service_version) (target_info{service_namespace=\"todo\"}) unless count by (service_version) (target_info{service_namespace=\"todo\"} offset 10m)",
        "titleFormat": "{{service_version}}", "step": "60s",
    })
}

fn variables() -> Vec<Value> {
    let source =
        |name: &str| json!({"name": name, "type": "datasource", "query": name, "label": name, "hide": 0, "refresh": 1});
    let label = |name: &str, query: &str| {
        json!({
            "name": name, "type": "query", "label": name, "datasource": Source::Prometheus.reference(), "query": query,
            "definition": query, "multi": true, "includeAll": true, "allValue": ".*", "refresh": 2, "sort": 1,
            "current": {"text": ["All"], "value": ["$__all"]},
        })
    };
    let price = |name: &str, text: &str| json!({"name": name, "type": "textbox", "label": text, "query": "0", "current": {"text": "0", "value": "0"}});
    vec![
        source("prometheus"),
        source("loki"),
        source("tempo"),
        label("environment", r#"label_values({service_namespace="todo"}, deployment_environment_name)"#),
        label("service", r#"label_values({service_namespace="todo"}, service_name)"#),
        label("instance", r#"label_values({service_namespace="todo"}, instance)"#),
        label("command", "label_values(todo_commands_total, todo_command)"),
        price("price_in", "USD per million input tokens"),
        price("price_out", "USD per million output tokens"),
    ]
}
