//! Keys of the pipeline's own attributes, in the program's namespace.

/// Made once per start; the strings live as long as the process, so that keys cost nothing per record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    /// `<app>.operation`
    pub operation: &'static str,
    /// `<app>.user_context`
    pub user_context: &'static str,
    /// `<app>.suppressed.count`
    pub suppressed_count: &'static str,
    /// `<app>.suppressed.sampled`
    pub suppressed_sampled: &'static str,
    /// Members of the baggage that records carry, and under which key.
    pub baggage: [(&'static str, &'static str); 3],
}

impl Keys {
    pub fn of(app: &str) -> Self {
        let key = |name: &str| -> &'static str { Box::leak(format!("{app}.{name}").into_boxed_str()) };
        Self {
            operation: key("operation"),
            user_context: key("user_context"),
            suppressed_count: key("suppressed.count"),
            suppressed_sampled: key("suppressed.sampled"),
            // `operation` is the kind of operation on records, so the command has a key of its own.
            baggage: [
                ("session.id", "session.id"),
                ("enduser.pseudo.id", "enduser.pseudo.id"),
                (key("operation"), key("command")),
            ],
        }
    }
}
