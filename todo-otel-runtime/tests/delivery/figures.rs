//! What a command pays at its end.

use crate::Test;

pub const TESTS: &[Test] = &[];
