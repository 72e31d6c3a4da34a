//! Attribute values: which types may be one, and their way into the ring without an allocation.
//!
//! Nothing is captured that is not named; a value that must not be seen goes through `redact`, `hash` or `len`.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use super::{local::Local, ring, wire};

/// What an attribute of a span may be: `bool`, integers, floats, strings, arrays of these, references and smart pointers
/// to them; an `Option` is left out when it is `None`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an attribute as it is",
    label = "not an attribute value",
    note = "wrap it: `display(x)`, `debug(x)`, `len(x)`, `hash(x)` or `redact(x)`"
)]
pub trait Value {
    /// Writes the value; writes nothing when it is absent.
    fn put(&self, slot: &mut Slot<'_>);
}

/// Longest string value in characters.
static LENGTH_LIMIT: AtomicU32 = AtomicU32::new(4096);

pub(crate) fn set_length_limit(characters: u32) {
    LENGTH_LIMIT.store(characters, Ordering::Relaxed);
}

/// Where one value goes: one attribute of one span.
pub struct Slot<'a> {
    local: &'a Local,
    span: u64,
    key: Key<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum Key<'a> {
    /// Position at the call site, or one of the runtime's own.
    At(u64),
    Named(&'a str),
}

impl<'a> Slot<'a> {
    #[inline(always)]
    pub(crate) fn new(local: &'a Local, span: u64, key: Key<'a>) -> Self {
        Slot { local, span, key }
    }

    /// A truth value.
    #[inline(always)]
    pub fn bool(&mut self, value: bool) {
        match self.key {
            Key::At(at) => {
                _ = self.local.write([wire::first(wire::ATTRIBUTE, wire::BOOL, at, value as u64), self.span])
            }
            Key::Named(name) => self.named(name, wire::BOOL, value as u64, &[]),
        }
    }

    /// An integer.
    #[inline(always)]
    pub fn int(&mut self, value: i64) {
        self.word(wire::INT, value as u64);
    }

    /// A float.
    #[inline(always)]
    pub fn float(&mut self, value: f64) {
        self.word(wire::FLOAT, value.to_bits());
    }

    #[inline(always)]
    fn word(&mut self, kind: u64, word: u64) {
        match self.key {
            Key::At(at) => _ = self.local.write([wire::first(wire::ATTRIBUTE, kind, at, 0), self.span, word]),
            Key::Named(name) => self.named(name, kind, 0, &word.to_le_bytes()),
        }
    }

    /// A string, cut at the limit.
    #[inline(always)]
    pub fn text(&mut self, value: &str) {
        let text = cut(value);
        self.bytes(wire::TEXT, text.as_bytes());
    }

    #[inline(always)]
    fn bytes(&mut self, kind: u64, bytes: &[u8]) {
        match self.key {
            Key::At(at) => {
                let first = wire::first(wire::ATTRIBUTE, kind, at, bytes.len() as u64);
                self.local.write_bytes([first, self.span], bytes);
            }
            Key::Named(name) => self.named(name, kind, bytes.len() as u64, bytes),
        }
    }

    #[cold]
    #[inline(never)]
    fn named(&mut self, name: &str, kind: u64, long: u64, value: &[u8]) {
        let name = &name[..boundary(name, 255)];
        let mut bytes = Vec::with_capacity(name.len() + 8 + value.len());
        bytes.extend_from_slice(name.as_bytes());
        bytes.resize(ring::words_for(name.len()) as usize * 8, 0);
        bytes.extend_from_slice(value);
        self.local.write_bytes([wire::first(wire::NAMED, kind, name.len() as u64, long), self.span], &bytes);
    }
}

/// At most the configured number of characters; a cut is marked by an ellipsis where the value is built.
#[inline(always)]
fn cut(text: &str) -> &str {
    // No string has more characters than bytes.
    if text.len() <= LENGTH_LIMIT.load(Ordering::Relaxed) as usize { text } else { cut_slowly(text) }
}

#[cold]
fn cut_slowly(text: &str) -> &str {
    let limit = LENGTH_LIMIT.load(Ordering::Relaxed) as usize;
    match text.char_indices().nth(limit) {
        // One character more than allowed tells the collector that something was cut.
        Some((at, next)) => &text[..at + next.len_utf8()],
        None => text,
    }
}

/// The last boundary of a character at or before `at`.
pub(crate) fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Has more characters than allowed?
pub(crate) fn is_too_long(text: &str) -> bool {
    let limit = LENGTH_LIMIT.load(Ordering::Relaxed) as usize;
    text.len() > limit && text.char_indices().nth(limit).is_some()
}

/// Cuts `text` to the limit, marked by an ellipsis; false when it was short enough.
pub(crate) fn cut_owned(text: &mut String) -> bool {
    if !is_too_long(text) {
        return false;
    }
    let limit = LENGTH_LIMIT.load(Ordering::Relaxed) as usize;
    let keep = text.char_indices().nth(limit.saturating_sub(1)).map_or(0, |(at, _)| at);
    text.truncate(keep);
    if limit > 0 {
        text.push('…');
    }
    true
}

impl Value for bool {
    #[inline(always)]
    fn put(&self, slot: &mut Slot<'_>) {
        slot.bool(*self);
    }
}

macro_rules! ints {
    ($($int:ty)*) => {$(
        impl Value for $int {
            #[inline(always)]
            fn put(&self, slot: &mut Slot<'_>) {
                slot.int(*self as i64);
            }
        }
    )*};
}
ints!(i8 i16 i32 i64 isize u8 u16 u32);

macro_rules! wide_ints {
    ($($int:ty)*) => {$(
        /// As a string when it is larger than OpenTelemetry's integers.
        impl Value for $int {
            #[inline(always)]
            fn put(&self, slot: &mut Slot<'_>) {
                match i64::try_from(*self) {
                    Ok(value) => slot.int(value),
                    Err(_) => display(self).put(slot),
                }
            }
        }
    )*};
}
wide_ints!(u64 usize i128 u128);

impl Value for f64 {
    #[inline(always)]
    fn put(&self, slot: &mut Slot<'_>) {
        slot.float(*self);
    }
}

impl Value for f32 {
    #[inline(always)]
    fn put(&self, slot: &mut Slot<'_>) {
        slot.float(*self as f64);
    }
}

impl Value for char {
    fn put(&self, slot: &mut Slot<'_>) {
        slot.text(self.encode_utf8(&mut [0; 4]));
    }
}

impl Value for str {
    #[inline(always)]
    fn put(&self, slot: &mut Slot<'_>) {
        slot.text(self);
    }
}

impl Value for String {
    #[inline(always)]
    fn put(&self, slot: &mut Slot<'_>) {
        slot.text(self);
    }
}

macro_rules! pointers {
    ($($pointer:ty)*) => {$(
        impl<T: Value + ?Sized> Value for $pointer {
            #[inline(always)]
            fn put(&self, slot: &mut Slot<'_>) {
                T::put(self, slot);
            }
        }
    )*};
}
pointers!(&T &mut T Box<T> Arc<T> Rc<T>);

impl<T: Value + ToOwned + ?Sized> Value for Cow<'_, T> {
    #[inline(always)]
    fn put(&self, slot: &mut Slot<'_>) {
        T::put(self, slot);
    }
}

impl<T: Value> Value for Option<T> {
    #[inline(always)]
    fn put(&self, slot: &mut Slot<'_>) {
        if let Some(value) = self {
            value.put(slot);
        }
    }
}

/// What an array attribute may consist of.
pub trait Element: Sized {
    #[doc(hidden)]
    fn put_all(all: &[Self], slot: &mut Slot<'_>);
}

/// An array longer than this is cut.
const MOST_ELEMENTS: usize = 1024;

macro_rules! elements {
    ($($kind:ident $element:ty: $bytes:expr),*) => {$(
        impl Element for $element {
            fn put_all(all: &[Self], slot: &mut Slot<'_>) {
                let bytes: Vec<u8> = all.iter().take(MOST_ELEMENTS).flat_map($bytes).collect();
                slot.bytes(wire::$kind, &bytes);
            }
        }
    )*};
}
elements!(
    BOOLS bool: |v| [*v as u8],
    INTS i64: |v| v.to_le_bytes(),
    INTS i32: |v| i64::from(*v).to_le_bytes(),
    INTS u32: |v| i64::from(*v).to_le_bytes(),
    INTS u16: |v| i64::from(*v).to_le_bytes(),
    FLOATS f64: |v| v.to_le_bytes(),
    FLOATS f32: |v| f64::from(*v).to_le_bytes()
);

fn put_texts<'t>(all: impl Iterator<Item = &'t str>, slot: &mut Slot<'_>) {
    let mut bytes = Vec::new();
    for text in all.take(MOST_ELEMENTS).map(cut) {
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    slot.bytes(wire::TEXTS, &bytes);
}

impl Element for String {
    fn put_all(all: &[Self], slot: &mut Slot<'_>) {
        put_texts(all.iter().map(String::as_str), slot);
    }
}

impl Element for &str {
    fn put_all(all: &[Self], slot: &mut Slot<'_>) {
        put_texts(all.iter().copied(), slot);
    }
}

impl Element for Cow<'_, str> {
    fn put_all(all: &[Self], slot: &mut Slot<'_>) {
        put_texts(all.iter().map(|text| &**text), slot);
    }
}

impl<E: Element> Value for [E] {
    fn put(&self, slot: &mut Slot<'_>) {
        E::put_all(self, slot);
    }
}

impl<E: Element, const N: usize> Value for [E; N] {
    fn put(&self, slot: &mut Slot<'_>) {
        E::put_all(self, slot);
    }
}

impl<E: Element> Value for Vec<E> {
    fn put(&self, slot: &mut Slot<'_>) {
        E::put_all(self, slot);
    }
}

/// The value in the words of its `Display`.
pub fn display<T: fmt::Display + ?Sized>(value: &T) -> Display<'_, T> {
    Display(value)
}

/// Made by [`display`].
pub struct Display<'a, T: ?Sized>(&'a T);

impl<T: fmt::Display + ?Sized> Value for Display<'_, T> {
    fn put(&self, slot: &mut Slot<'_>) {
        format(format_args!("{}", self.0), slot);
    }
}

/// The value in the words of its `Debug`.
pub fn debug<T: fmt::Debug + ?Sized>(value: &T) -> Debug<'_, T> {
    Debug(value)
}

/// Made by [`debug`].
pub struct Debug<'a, T: ?Sized>(&'a T);

impl<T: fmt::Debug + ?Sized> Value for Debug<'_, T> {
    fn put(&self, slot: &mut Slot<'_>) {
        format(format_args!("{:?}", self.0), slot);
    }
}

/// Formats first and writes then: what is formatted may itself be traced.
fn format(arguments: fmt::Arguments<'_>, slot: &mut Slot<'_>) {
    let mut text = Bounded { text: String::new(), most: LENGTH_LIMIT.load(Ordering::Relaxed) as usize * 4 + 4 };
    // An error means that the bound was hit or that the value's own formatting failed: what there is counts.
    _ = text.write_fmt(arguments);
    slot.text(&text.text);
}

/// Takes as many bytes as can matter, so that a huge `Debug` ends early.
struct Bounded {
    text: String,
    most: usize,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = self.most.saturating_sub(self.text.len());
        self.text.push_str(&part[..boundary(part, room)]);
        if part.len() > room { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Says that there was a value, and nothing about it.
pub fn redact<T: ?Sized>(_value: &T) -> Redacted {
    Redacted
}

/// Made by [`redact`].
pub struct Redacted;

impl Value for Redacted {
    fn put(&self, slot: &mut Slot<'_>) {
        slot.text("[redacted]");
    }
}

/// Equal values have equal hashes within this process and between runs of one build; no protection of guessable values.
pub fn hash<T: Hash + ?Sized>(value: &T) -> Hashed {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    Hashed(hasher.finish())
}

/// Made by [`hash`].
pub struct Hashed(u64);

impl Value for Hashed {
    fn put(&self, slot: &mut Slot<'_>) {
        let mut text = String::with_capacity(16);
        _ = write!(text, "{:016x}", self.0);
        slot.text(&text);
    }
}

/// How long a value is: bytes of a string, elements of a collection.
pub fn len<T: Length + ?Sized>(value: &T) -> i64 {
    value.length() as i64
}

/// What has a length.
pub trait Length {
    #[doc(hidden)]
    fn length(&self) -> usize;
}

impl Length for str {
    fn length(&self) -> usize {
        self.len()
    }
}

impl Length for String {
    fn length(&self) -> usize {
        self.len()
    }
}

impl<T> Length for [T] {
    fn length(&self) -> usize {
        self.len()
    }
}

impl<T, const N: usize> Length for [T; N] {
    fn length(&self) -> usize {
        N
    }
}

impl<T> Length for Vec<T> {
    fn length(&self) -> usize {
        self.len()
    }
}

impl<T: Length + ?Sized> Length for &T {
    fn length(&self) -> usize {
        T::length(self)
    }
}

impl<T: Length> Length for Option<T> {
    fn length(&self) -> usize {
        self.as_ref().map_or(0, T::length)
    }
}

impl<K, V, S> Length for std::collections::HashMap<K, V, S> {
    fn length(&self) -> usize {
        self.len()
    }
}

impl<T, S> Length for std::collections::HashSet<T, S> {
    fn length(&self) -> usize {
        self.len()
    }
}

impl<K, V> Length for std::collections::BTreeMap<K, V> {
    fn length(&self) -> usize {
        self.len()
    }
}

/// At most `most` characters of a text.
pub fn truncate<T: AsRef<str> + ?Sized>(most: usize, value: &T) -> &str {
    let text = value.as_ref();
    text.char_indices().nth(most).map_or(text, |(at, _)| &text[..at])
}
