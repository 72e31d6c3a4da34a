//! Every signature of the matrix, with each attribute and with all of them, in the edition of the package that includes
//! this file.

mod case;
mod drop_order;

use case::Case;

macro_rules! under {
    ($($attribute:ident)*) => {$(
        #[path = "."]
        mod $attribute {
            use matrix_attr::$attribute as measured;
            #[path = "signatures/calls.rs"]
            pub mod calls;
            #[path = "signatures/arguments.rs"]
            pub mod arguments;
            #[path = "signatures/futures.rs"]
            pub mod futures;
            #[path = "signatures/traits.rs"]
            pub mod traits;
            #[path = "signatures/surroundings.rs"]
            pub mod surroundings;
            pub fn cases() -> Vec<super::Case> {
                [calls::cases(), arguments::cases(), futures::cases(), traits::cases(), surroundings::cases()]
                    .into_iter().flatten().collect()
            }
        }
    )*};
}
under!(plain traced red_metrics db_span stacked);

#[test]
fn dump() {
    std::panic::set_hook(Box::new(|_| ()));
    for (m, cases) in [("plain", plain::cases()), ("traced", traced::cases()), ("red", red_metrics::cases()), ("db", db_span::cases()), ("stacked", stacked::cases())] {
        let mut bad = 0;
        println!("{m}: {}", cases.len());
        for c in cases {
            todo_otel_runtime::__private::take();
            let r = std::panic::catch_unwind(c.run);
            let recs = todo_otel_runtime::__private::take();
            let mine: Vec<_> = recs.iter().filter(|r| r.name.ends_with(&format!("::{}", c.name))).collect();
            let ok = mine.len() == c.times && mine.iter().all(|r| r.outcome == c.outcome && (!c.waits || r.nanos > 49_000_000)) && (r.is_err() == (c.outcome == "panic"));
            if !ok { bad += 1; println!("{m} {} {} {:?} {:?}", c.name, c.outcome, r.is_err(), recs); }
        }
        println!("bad {bad}");
    }
}
