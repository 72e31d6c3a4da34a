//! How large an input may be. Over a limit nothing is stored.

/// Characters of a title.
pub const TITLE_CHARS: usize = 500;
/// Bytes of a title.
pub const TITLE_BYTES: usize = 4 * 1024;
/// Bytes of a description.
pub const DESCRIPTION_BYTES: usize = 64 * 1024;
/// Tags of one todo.
pub const TAGS: usize = 32;
/// Bytes of one tag.
pub const TAG_BYTES: usize = 64;
/// Bytes of a project name.
pub const PROJECT_BYTES: usize = 256;
/// Bytes of a filter text.
pub const FILTER_BYTES: usize = 1024;
