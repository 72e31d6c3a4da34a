//! Every system call of the spool fails once, and once the process dies there.

use crate::Test;

pub const TESTS: &[Test] = &[];
