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
fn calls_do_what_the_plain_functions_do_while_nothing_is_recorded() {
    std::panic::set_hook(Box::new(|_| ()));
    for case in [plain::cases(), traced::cases(), red_metrics::cases(), db_span::cases(), stacked::cases()].concat() {
        let unwound = std::panic::catch_unwind(case.run).is_err();
        assert_eq!(unwound, case.outcome == "panic", "{}", case.name);
    }
}
