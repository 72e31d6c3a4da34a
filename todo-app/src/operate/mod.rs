//! What operators need: the Grafana stack as data, rendered into `deploy/`.

pub mod stack;
