//! Arguments, locals and temporaries go in the order in which the plain function lets them go.

use std::cell::RefCell;

use crate::case::{block, poll_once};

#[path = "."]
mod plain {
    use matrix_attr::plain as measured;
    #[path = "signatures/drops.rs"]
    pub mod drops;
}
#[path = "."]
mod stacked {
    use matrix_attr::stacked as measured;
    #[path = "signatures/drops.rs"]
    pub mod drops;
}

thread_local!(static GONE: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) });

pub struct N(pub &'static str);

impl Drop for N {
    fn drop(&mut self) {
        GONE.with(|gone| gone.borrow_mut().push(self.0));
    }
}

impl N {
    /// Something that makes a temporary of it.
    pub fn touch(&self) -> usize {
        self.0.len()
    }
}

fn gone() -> Vec<&'static str> {
    GONE.with(|gone| std::mem::take(&mut *gone.borrow_mut()))
}

#[track_caller]
fn same(what: &str, plain: impl FnOnce(), measured: impl FnOnce()) {
    plain();
    let expected = gone();
    measured();
    assert_eq!(gone(), expected, "{what}");
    assert!(!expected.is_empty());
}

fn two() -> (N, N) {
    (N("a"), N("b"))
}

#[test]
fn drops_come_in_the_order_of_the_plain_function() {
    macro_rules! check {
        ($($function:ident($($argument:expr),*);)*) => {$(
            same(
                stringify!($function),
                || { plain::drops::$function($($argument),*); },
                || { stacked::drops::$function($($argument),*); },
            );
        )*};
    }
    check! {
        locals(N("a"), N("b"), N("c"));
        ignored(N("a"), N("b"), N("c"));
        patterns(two(), N("c"), two());
        moved(N("a"), N("b"));
        perhaps_moved(N("a"), N("b"), N("c"));
        unused(N("a"), N("b"));
        changed(N("a"), N("b"));
        tail(N("a"), N("b"));
        tail_behind_pattern(two(), N("c"));
        early(N("a"), N("b"));
    }
    let (plain, measured) =
        (|| plain::drops::Own(N("a")).method(N("b")), || stacked::drops::Own(N("a")).method(N("b")));
    same("method", plain, measured);
}

#[test]
fn drops_of_futures_come_in_the_order_of_the_plain_future() {
    macro_rules! check {
        ($($function:ident($($argument:expr),*);)*) => {$(
            same(
                concat!(stringify!($function), " to its end"),
                || { block(plain::drops::$function($($argument),*)); },
                || { block(stacked::drops::$function($($argument),*)); },
            );
            same(
                concat!(stringify!($function), " cancelled"),
                || poll_once(plain::drops::$function($($argument),*)),
                || poll_once(stacked::drops::$function($($argument),*)),
            );
            same(
                concat!(stringify!($function), " never polled"),
                || drop(plain::drops::$function($($argument),*)),
                || drop(stacked::drops::$function($($argument),*)),
            );
        )*};
    }
    check! {
        async_locals(N("a"), N("b"), N("c"));
        async_ignored(N("a"), N("b"), N("c"));
        async_patterns(two(), N("c"), two());
        async_moved(N("a"), N("b"));
        async_perhaps_moved(N("a"), N("b"), N("c"));
        async_unused(N("a"), N("b"));
        async_changed(N("a"), N("b"));
        async_tail(N("a"), N("b"));
    }
    same(
        "async method",
        || block(plain::drops::Own(N("a")).async_method(N("b"))),
        || block(stacked::drops::Own(N("a")).async_method(N("b"))),
    );
}
