//! What operators need: the list of what is emitted, the Grafana stack as data, a probe of running servers.

pub mod catalogue;
pub mod doctor;
pub mod outlook;
pub mod stack;
pub mod verify;
