//! The same work on several threads for as long as there is enough of it. A thread that cannot be started is no error:
//! the calling thread does everything.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    thread::{Builder, scope},
};

/// Threads beside the calling one: a service has four requests under way at most.
pub(crate) const HELPERS: usize = 3;

/// Calls `work` here and on so many further threads; each call works until nothing is left. Panics when `work` does.
pub(crate) fn run(helpers: usize, work: impl Fn() + Sync) {
    if helpers == 0 {
        return work();
    }
    let panicked = scope(|scope| {
        let helpers: Vec<_> = (0..helpers)
            .map_while(|_| {
                let helper = Builder::new().name("otlp-sender+".to_owned());
                helper.spawn_scoped(scope, || catch_unwind(AssertUnwindSafe(&work)).err()).ok()
            })
            .collect();
        let own = catch_unwind(AssertUnwindSafe(&work)).err();
        helpers.into_iter().filter_map(|helper| helper.join().ok().flatten()).chain(own).last()
    });
    if let Some(panic) = panicked {
        resume_unwind(panic);
    }
}
