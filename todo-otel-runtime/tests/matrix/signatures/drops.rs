//! Functions that let go of things in an order that can be seen.

use super::measured;
use crate::{case::nap, drop_order::N};

#[measured]
pub fn locals(a: N, b: N, c: N) {
    let _ = (&b.0, &a.0, &c.0);
    let _l = N("local");
}
#[measured]
pub fn ignored(a: N, _: N, _c: N) {
    let _l = N("local");
    let _ = &a.0;
}
#[measured]
pub fn patterns((a, _): (N, N), b: N, (_, c): (N, N)) {
    let _l = N("local");
    let _ = (&c.0, &a.0, &b.0);
}
#[measured]
pub fn moved(a: N, b: N) {
    drop(a);
    let _ = &b.0;
}
#[measured]
pub fn perhaps_moved(a: N, b: N, c: N) {
    if b.0 == "b" {
        drop(b);
    }
    let _ = (&c.0, &a.0);
}
#[measured]
pub fn unused(_a: N, _b: N) {}
#[measured]
pub fn changed(mut a: N, b: N) {
    a.0 = "A";
    let _ = &b;
}
#[measured]
pub fn tail(a: N, _b: N) -> usize {
    let _l = N("local");
    N("temporary").touch() + a.touch()
}
#[measured]
pub fn tail_behind_pattern((a, _): (N, N), _b: N) -> usize {
    let _l = N("local");
    N("temporary").touch() + a.touch()
}
#[measured]
pub fn early(a: N, b: N) -> usize {
    let _l = N("local");
    if a.0 == "a" {
        return N("temporary").touch() + b.touch();
    }
    0
}
pub struct Own(pub N);

impl Own {
    #[measured]
    pub fn method(self, b: N) {
        let _l = N("local");
        let _ = (&b.0, &self.0);
    }

    #[measured]
    pub async fn async_method(self, b: N) {
        let _l = N("local");
        nap().await;
        let _ = (&b.0, &self.0);
    }
}

#[measured]
pub async fn async_locals(a: N, b: N, c: N) {
    let _ = (&b.0, &a.0, &c.0);
    let _l = N("local");
    nap().await;
}
#[measured]
pub async fn async_ignored(a: N, _: N, _c: N) {
    let _l = N("local");
    nap().await;
    let _ = &a.0;
}
#[measured]
pub async fn async_patterns((a, _): (N, N), b: N, (_, c): (N, N)) {
    let _l = N("local");
    nap().await;
    let _ = (&c.0, &a.0, &b.0);
}
#[measured]
pub async fn async_moved(a: N, b: N) {
    drop(a);
    nap().await;
    let _ = &b.0;
}
#[measured]
pub async fn async_perhaps_moved(a: N, b: N, c: N) {
    if b.0 == "b" {
        drop(b);
    }
    nap().await;
    let _ = (&c.0, &a.0);
}
#[measured]
pub async fn async_unused(_a: N, _b: N) {
    nap().await;
}
#[measured]
pub async fn async_changed(mut a: N, b: N) {
    a.0 = "A";
    nap().await;
    let _ = &b;
}
#[measured]
pub async fn async_tail(a: N, _b: N) -> usize {
    let _l = N("local");
    nap().await;
    N("temporary").touch() + a.touch()
}
